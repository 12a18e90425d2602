// One arrow of dependency, downward: which room may import which. A room is a folder.
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { test } from 'node:test';

const root = join(import.meta.dirname, '..', '..', '..');

/** Room → rooms it may import besides itself. Types of Kubernetes objects (kube/objects) are everybody's. */
const allowed: Record<string, string[]> = {
  'src/api': [],
  'src/runtime': [],
  'src/kube': ['src/runtime'],
  'src/monitoring': [],
  'src/workloads': ['src/api', 'src/kube', 'src/runtime'],
  'src/ledger': ['src/api', 'src/kube', 'src/runtime'],
  certs: ['src/kube', 'src/runtime'],
  webhooks: ['src/api', 'src/kube', 'src/ledger', 'src/runtime'],
  'src/controllers': ['src/api', 'src/kube', 'src/ledger', 'src/monitoring', 'src/runtime', 'src/workloads'],
  'src/server': ['src/api', 'src/kube', 'src/ledger', 'src/runtime', 'webhooks', 'certs'],
  'src/manifests': ['src/api', 'src/kube', 'src/monitoring', 'src/runtime', 'src/workloads', 'webhooks'],
  'src/settings': ['src/api', 'src/ledger', 'src/manifests'],
  'src/board': ['src/api', 'src/kube', 'src/runtime'],
  'src/doctor': [
    'src/api',
    'src/kube',
    'src/ledger',
    'src/manifests',
    'src/runtime',
    'src/settings',
    'webhooks',
    'certs',
  ],
  'src/prove': ['src/api', 'src/kube', 'src/runtime', 'src/settings'],
  'src/uninstall': ['src/api', 'src/kube', 'src/manifests', 'src/runtime', 'src/settings', 'src/workloads'],
  'src/sandbox': ['src/runtime', 'src/kube', 'certs'],
  'src/process': [
    'src/api',
    'src/board',
    'src/controllers',
    'src/kube',
    'src/ledger',
    'src/manifests',
    'src/runtime',
    'src/server',
    'src/settings',
    'certs',
    'webhooks',
  ],
  'src/local': [
    'src/api',
    'src/board',
    'src/kube',
    'src/manifests',
    'src/process',
    'src/runtime',
    'src/sandbox',
    'src/settings',
  ],
  'src/demo': ['src/api', 'src/kube', 'src/local', 'src/runtime', 'src/sandbox'],
  'src/cli': [
    'src/demo',
    'src/doctor',
    'src/kube',
    'src/local',
    'src/manifests',
    'src/process',
    'src/prove',
    'src/runtime',
    'src/settings',
    'src/uninstall',
  ],
};
const everybodys = ['src/kube/objects.ts'];

const roomOf = (file: string): string => {
  const [first = '', second = ''] = file.split('/');
  if (first !== 'src') return first;
  return second.endsWith('.ts') ? file : `src/${second}`;
};

function importsOf(file: string): string[] {
  const text = readFileSync(join(root, file), 'utf8');
  const found = [...text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)];
  return found.map((match) => normalize(join(dirname(file), match[1]!)));
}

const files = globSync(['src/**/*.ts', 'webhooks/*.ts', 'certs/*.ts'], { cwd: root }).sort();

test('every room imports only the rooms below it', () => {
  const wrong: string[] = [];
  for (const file of files) {
    const room = roomOf(file);
    for (const imported of importsOf(file)) {
      const target = roomOf(imported);
      if (target === room || everybodys.includes(imported)) continue;
      if (!(allowed[room] ?? []).includes(target)) wrong.push(`${file} imports ${imported}`);
    }
  }
  assert.deepEqual(wrong, []);
});

test('nothing of the program imports a test', () => {
  assert.deepEqual(
    files.filter((file) => importsOf(file).some((imported) => imported.startsWith('test/'))),
    [],
  );
});

test('every file is in a room of the table; none lies directly in src/', () => {
  const rooms = new Set(files.map(roomOf));
  assert.deepEqual(
    [...rooms].filter((room) => !Object.hasOwn(allowed, room)),
    [],
  );
});

test('the table itself has no cycle', () => {
  const finished = new Set<string>();
  const visit = (room: string, path: string[]): void => {
    assert.ok(!path.includes(room), `cycle: ${[...path, room].join(' → ')}`);
    if (finished.has(room)) return;
    for (const below of allowed[room] ?? []) visit(below, [...path, room]);
    finished.add(room);
  };
  for (const room of Object.keys(allowed)) visit(room, []);
});

test('no file imports itself through other files, not for a type either', () => {
  const importsOfAll = new Map(files.map((file) => [file, importsOf(file)]));
  const finished = new Set<string>();
  const cycles: string[] = [];
  const visit = (file: string, path: string[]): void => {
    if (path.includes(file)) cycles.push([...path.slice(path.indexOf(file)), file].join(' → '));
    if (path.includes(file) || finished.has(file)) return;
    for (const imported of importsOfAll.get(file) ?? []) visit(imported, [...path, file]);
    finished.add(file);
  };
  for (const file of files) visit(file, []);
  assert.deepEqual(cycles, []);
});
