// Every direct dependency has its reason in docs/dependencies.md, and is imported only where that says so.
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const root = join(import.meta.dirname, '..', '..');
const read = (file: string) => readFileSync(join(root, file), 'utf8');
const { dependencies, devDependencies } = JSON.parse(read('package.json')) as Record<
  'dependencies' | 'devDependencies',
  Record<string, string>
>;
const [, program = '', building = ''] = read('docs/dependencies.md').split(/^## .*$/m);
const rows = (table: string) =>
  [...table.matchAll(/^\| `([^`]+)` \|(.*)\|$/gm)].map(([, name, rest]) => ({
    name: name!,
    cells: rest!.split('|'),
  }));

test('docs/dependencies.md has a line for each dependency, and no other', () => {
  const named = (table: string) => rows(table).map(({ name }) => name);
  assert.deepEqual(named(program), Object.keys(dependencies).sort());
  assert.deepEqual(named(building), Object.keys(devDependencies).sort());
  for (const { name, cells } of [...rows(program), ...rows(building)]) {
    assert.ok(cells.at(-1)!.trim().length > 4, `${name} has a reason`);
  }
});

test('each is imported where its line says, and nowhere else', () => {
  const files = globSync(['src/**/*.ts', 'webhooks/*.ts', 'certs/*.ts'], { cwd: root });
  const imports = new Map<string, Set<string>>();
  for (const file of files) {
    for (const [, specifier] of read(file).matchAll(
      /(?:^(?:import|export|\}).* from |\bimport\()'([^'.][^']*)'/gm,
    )) {
      if (specifier!.startsWith('node:')) continue;
      const name = specifier!.split('/', specifier!.startsWith('@') ? 2 : 1).join('/');
      imports.set(name, (imports.get(name) ?? new Set()).add(file));
    }
  }
  for (const { name, cells } of rows(program)) {
    const places = [...cells[0]!.matchAll(/`([^`]+)`/g)].map(([, place]) => place!);
    const folderOf = (file: string) => file.split('/').slice(0, -1).join('/');
    const isIn = (file: string, place: string) =>
      place.endsWith('.ts')
        ? file === place
        : place === 'src'
          ? folderOf(file) === 'src'
          : file.startsWith(`${place}/`);
    const users = [...(imports.get(name) ?? [])];
    assert.deepEqual(
      users.filter((file) => !places.some((place) => isIn(file, place))),
      [],
      `${name} is imported elsewhere`,
    );
    assert.deepEqual(
      places.filter((place) => !users.some((file) => isIn(file, place))),
      [],
      `${name} is not imported there any more`,
    );
    imports.delete(name);
  }
  assert.deepEqual([...imports.keys()], [], 'what is imported is a direct dependency');
});

test('the lock file pins what is installed by its hash, and names no place to get it from', () => {
  const { packages } = JSON.parse(read('package-lock.json')) as {
    packages: Record<string, { integrity?: string; resolved?: string; link?: boolean }>;
  };
  const installed = Object.entries(packages).filter(([path]) => path !== '');
  assert.deepEqual(
    installed.filter(([, { integrity }]) => !integrity?.startsWith('sha512-')).map(([path]) => path),
    [],
  );
  assert.deepEqual(
    installed.filter(([, { resolved }]) => resolved).map(([path]) => path),
    [],
  );
});
