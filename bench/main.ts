#!/usr/bin/env node
// `npm run bench`: runs the parts that are named (all by default), prints tables and one JSON line at the end.
// Timings never assert: a run fails only when an answer is wrong.
import { parseArgs } from 'node:util';
import { admission, fullAdmission, quickAdmission } from './admission/part.ts';
import { fairness, fullFairness, quickFairness } from './fairness/part.ts';
import { rounded, short } from './figures.ts';
import { machine } from './machine.ts';
import { fullMemory, memory, quickMemory } from './memory/part.ts';
import { fullOrders, orders, quickOrders } from './orders/part.ts';
import { fullHistory, history, quickHistory } from './sandbox/history.ts';
import { fullSandbox, quickSandbox, sandbox } from './sandbox/part.ts';
import { fullStatus, quickStatus, status } from './status/part.ts';
import { fullWorkloads, quickWorkloads, workloads } from './workloads/part.ts';
import { type TargetName, targets } from './workloads/place.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    profile: { type: 'string' },
    target: { type: 'string' },
    'quiet-minutes': { type: 'string' },
  },
});
const { quick } = values;

type Part = (say: (line: string) => void) => Promise<unknown>;
const parts: Record<string, Part> = {
  admission: (say) =>
    admission(
      {
        ...(quick ? quickAdmission : fullAdmission),
        ...(values.profile ? { profile: values.profile } : {}),
      },
      say,
    ),
  orders: (say) => orders(quick ? quickOrders : fullOrders, say),
  status: (say) => status(quick ? quickStatus : fullStatus, say),
  fairness: (say) => fairness(quick ? quickFairness : fullFairness, say),
  memory: (say) => memory(quick ? quickMemory : fullMemory, say),
  sandbox: (say) => sandbox(quick ? quickSandbox : fullSandbox, say),
  history: (say) => history(quick ? quickHistory : fullHistory, say),
  workloads: (say) =>
    workloads(
      {
        ...(quick ? quickWorkloads : fullWorkloads),
        ...(values.target ? { target: values.target as TargetName } : {}),
        ...(values['quiet-minutes'] ? { quietMinutes: Number(values['quiet-minutes']) } : {}),
      },
      say,
    ),
};

const chosen = positionals.length > 0 ? positionals : Object.keys(parts);
const isTarget = values.target === undefined || (targets as readonly string[]).includes(values.target);
const isTime = Number(values['quiet-minutes'] ?? 0) >= 0;
for (const name of chosen) {
  if (parts[name] && isTarget && isTime) continue;
  console.error(`npm run bench [${Object.keys(parts).join('|')}] [--quick] [--profile <directory>]`);
  console.error(`npm run bench workloads [--target ${targets.join('|')}] [--quiet-minutes <number>]`);
  process.exit(2);
}
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

const before = machine();
console.log(
  `${before.cores} cores (${before.cpu}), ${before.memoryGiB} GiB, Node ${before.node}, load ${short(before.load1)}`,
);
const results: Record<string, unknown> = {};
for (const name of chosen) {
  const began = performance.now();
  console.log(`\n── ${name} ──`);
  results[name] = await parts[name]!(console.log);
  const { load1 } = machine();
  console.log(`(${short((performance.now() - began) / 1000)} s, load now ${short(load1)})`);
}
console.log(`\n${JSON.stringify(rounded({ bench: 'spikegate', quick, machine: before, results }))}`);
process.exit(0);
