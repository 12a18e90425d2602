// `npm run e2e -- --target sandbox | control-plane | current [--kubernetes 1.31] [--only TEXT]`
import { globSync } from 'node:fs';
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { builtMinors } from '../control-plane/versions.ts';
import { phasesOf, runPhases } from '../side-by-side.ts';
import { targetNames } from './targets.ts';

const { target, only, kubernetes } = new Command('e2e')
  .description('run the end-to-end scenarios on a target')
  .addOption(new Option('--target <name>', 'where to run').choices([...targetNames]).default('sandbox'))
  .addOption(
    new Option('--kubernetes <version>', 'which control plane (default: the newest)').choices(builtMinors),
  )
  .option('--only <text>', 'only scenarios whose name contains this')
  .parse()
  .opts<{ target: string; kubernetes?: string; only?: string }>();

const files: Record<string, string> = {
  sandbox: 'test/e2e/sandbox/*.test.ts',
  'control-plane': 'test/e2e/control-plane.test.ts',
  current: 'test/e2e/current.ts',
};
const found = globSync(files[target] ?? '', { cwd: join(import.meta.dirname, '..', '..') })
  .map((file) => file.replaceAll('\\', '/'))
  .sort();
if (only) process.env.E2E_ONLY = only;
if (kubernetes) process.env.SPIKEGATE_KUBERNETES = kubernetes;
if (!(await runPhases(phasesOf(found, { withControlPlane: false })))) process.exitCode = 1;
