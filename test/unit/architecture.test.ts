// One arrow of dependency, downward: which room may import which. A room is a folder; DESIGN's picture as a test.
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { test } from 'node:test';

const root = join(import.meta.dirname, '..', '..');

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
  'src/manifests': ['src/api', 'src/kube', 'src/monitoring', 'src/workloads', 'webhooks'],
  'src/board': ['src/api', 'src/kube', 'src/runtime'],
  'src/doctor': [
    'src',
    'src/api',
    'src/kube',
    'src/ledger',
    'src/manifests',
    'src/runtime',
    'webhooks',
    'certs',
  ],
  'src/uninstall': ['src', 'src/api', 'src/kube', 'src/manifests', 'src/runtime', 'src/workloads'],
  'src/sandbox': ['src/runtime', 'src/kube', 'certs'],
  'src/demo': ['src', 'src/api', 'src/kube', 'src/runtime', 'src/sandbox'],
};
const everybodys = ['src/kube/objects.ts'];
/** Files directly in src/ put rooms together and may import all of them, but only these know the sandbox. */
const sandboxUsers = ['src/local.ts', 'src/demo/demo.ts', 'src/main.ts'];

const roomOf = (file: string): string => {
  const [first = '', second = ''] = file.split('/');
  if (first !== 'src') return first;
  return second.endsWith('.ts') ? 'src' : `src/${second}`;
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
      if (target === 'src/sandbox' && sandboxUsers.includes(file)) continue;
      const mayImport = room === 'src' ? target !== 'src/sandbox' : (allowed[room] ?? []).includes(target);
      if (!mayImport) wrong.push(`${file} imports ${imported}`);
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

test('every room is in the table', () => {
  const rooms = new Set(files.map(roomOf).filter((room) => room !== 'src'));
  assert.deepEqual(
    [...rooms].filter((room) => !(room in allowed)),
    [],
  );
});
