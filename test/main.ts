// `npm test`: says what it does, runs every test file, and says what it had to leave out.
// `npm test -- crowd certs` runs the files whose path contains one of these.
import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { findChromium, noChromium } from './board/browser.ts';
import { explainNotFound, findBinaries } from './control-plane/index.ts';
import { whyNoSpin } from './model/spin.ts';
import { phasesOf, runPhases } from './side-by-side.ts';

// A hundred processes load the same modules; compiled once, that saves each of them about 0.3 s of CPU.
process.env.NODE_COMPILE_CACHE ??= join(import.meta.dirname, '..', 'node_modules', '.cache', 'compiled');

const wanted = process.argv.slice(2);
const root = join(import.meta.dirname, '..');
const files = globSync('test/**/*.test.ts', { cwd: root })
  .map((file) => file.replaceAll('\\', '/'))
  // They need root and a cluster: `npm run test:cluster`.
  .filter((file) => !file.startsWith('test/cluster/'))
  .filter((file) => wanted.length === 0 || wanted.some((part) => file.includes(part)));

const binaries = await findBinaries();
const phases = phasesOf(files, { withControlPlane: !('missing' in binaries) });
console.log(
  `Running ${files.length} test files side by side on ${availableParallelism()} cores, with Node ${process.version}: unit, contract, simulation, end to end.`,
);
console.log(
  'missing' in binaries
    ? `Left out: everything on a real control plane. ${explainNotFound(binaries)}`
    : `The end-to-end scenarios run on the sandbox and on kube-apiserver ${binaries.version}.`,
);
if (spawnSync('kubectl', ['version', '--client']).error) {
  console.log('Left out: what is about kubectl itself, which is not on the PATH.');
}
if (whyNoSpin) console.log(`Left out: the check of the ledger's model; ${whyNoSpin}.`);
if (!findChromium()) console.log(`Left out: the board in a browser; ${noChromium}.`);
if (files.length === 0) {
  console.error(`no test file has ${wanted.join(' or ')} in its path`);
  process.exitCode = 1;
}
if (!(await runPhases(phases))) process.exitCode = 1;
