#!/usr/bin/env node
// Writes docs/kubectl.md: every row with each kubectl there is, on the sandbox and on the real control plane.
//   node test/sandbox/kubectl/main.ts [--sandbox-only]

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { startSandbox } from '../../../src/sandbox/index.ts';
import { startControlPlane } from '../../control-plane/index.ts';
import { kubectls } from './found.ts';
import { nodeStandIn } from './node.ts';
import { play, type Verdict } from './play.ts';
import { rows } from './rows.ts';

const { values } = parseArgs({ options: { 'sandbox-only': { type: 'boolean', default: false } } });
const columns: { title: string; verdicts: Verdict[] }[] = [];

for (const { minor, kubectl } of await kubectls()) {
  const dir = mkdtempSync(path.join(tmpdir(), 'sandbox-'));
  const sandbox = await startSandbox({ dir, workloads: { readyAfterMs: 100 } });
  console.log(`kubectl 1.${minor} on the sandbox`);
  try {
    const verdicts = await play({ kubectl, kubeconfig: sandbox.kubeconfig });
    columns.push({ title: `sandbox, kubectl 1.${minor}`, verdicts });
  } finally {
    await sandbox.stop();
    rmSync(dir, { recursive: true, force: true });
  }
}
if (!values['sandbox-only']) {
  const plane = await startControlPlane({
    extraArgs: { controllerManager: ['--kube-api-qps=200', '--kube-api-burst=400'] },
  });
  const node = nodeStandIn(plane);
  try {
    for (const { minor, kubectl } of await kubectls()) {
      console.log(`kubectl 1.${minor} on kube-apiserver ${plane.version}`);
      const verdicts = await play({ kubectl, kubeconfig: plane.kubeconfig });
      columns.push({ title: `${plane.version}, kubectl 1.${minor}`, verdicts });
    }
  } finally {
    node.stop();
    await plane.stop();
  }
}

const notes: string[] = [];
const cell = (verdict: Verdict) => {
  if (verdict.result === 'ok') return 'ok';
  const known = notes.indexOf(verdict.result);
  return `not (${known < 0 ? notes.push(verdict.result) : known + 1})`;
};
const escaped = (text: string) => text.replaceAll('|', '\\|');
const lines = rows.map((row, at) => {
  const command = `\`${escaped(row.command)}\`${row.code ? ' (must fail)' : ''}`;
  return `| ${row.section} | ${command} | ${columns.map(({ verdicts }) => cell(verdicts[at] as Verdict)).join(' | ')} |`;
});
for (const { title, verdicts } of columns) {
  console.log(`${title}: ${verdicts.filter(({ result }) => result === 'ok').length} ok`);
  for (const { row, result } of verdicts) if (result !== 'ok') console.log(`  ${row.command}\n    ${result}`);
}
if (!values['sandbox-only']) {
  const text = `# kubectl on the sandbox and on Kubernetes

Written by \`node test/sandbox/kubectl/main.ts\`: each command's exit code and output are checked (\`rows.ts\` beside
it). The script makes each pod of the real control plane ready, since there is no node.

| | command | ${columns.map(({ title }) => title).join(' | ')} |
|---|---|${columns.map(() => '---|').join('')}
${lines.join('\n')}
${notes.map((note, at) => `\n${at + 1}. ${escaped(note)}`).join('')}
`;
  writeFileSync(
    path.join(import.meta.dirname, '..', '..', '..', 'docs', 'kubectl.md'),
    `${text.trimEnd()}\n`,
  );
}
