// `npm test`: says what it does, runs every test file, and says what it had to leave out.
import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { join, relative } from 'node:path';
import { findChromium, noChromium } from './board/browser.ts';
import { explainNotFound, findBinaries } from './control-plane/index.ts';

const root = join(import.meta.dirname, '..');
const files = globSync('test/**/*.test.ts', { cwd: root }).sort();

const binaries = await findBinaries();
console.log(
  `Running ${files.length} test files with Node ${process.version}: unit, contract, simulation, end to end.`,
);
console.log(
  'missing' in binaries
    ? `Left out: everything on a real control plane. ${explainNotFound(binaries)}`
    : `The end-to-end scenarios run on the sandbox and on kube-apiserver ${binaries.version}.`,
);
if (!findChromium()) console.log(`Left out: the board in a browser; ${noChromium}.`);
const { status } = spawnSync(
  process.execPath,
  [
    '--test',
    '--test-reporter=spec',
    ...process.argv.slice(2),
    ...files.map((file) => relative(process.cwd(), join(root, file))),
  ],
  { stdio: 'inherit', cwd: process.cwd() },
);
process.exitCode = status ?? 1;
