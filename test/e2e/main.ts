// `npm run e2e -- --target sandbox | control-plane | current [--only TEXT]`
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { targetNames } from './targets.ts';

const { target, only } = new Command('e2e')
  .description('run the end-to-end scenarios on a target')
  .addOption(new Option('--target <name>', 'where to run').choices([...targetNames]).default('sandbox'))
  .option('--only <text>', 'only scenarios whose name contains this')
  .parse()
  .opts<{ target: string; only?: string }>();

const file = join(import.meta.dirname, target === 'current' ? 'current.ts' : `${target}.test.ts`);
const { status } = spawnSync(process.execPath, ['--test', file], {
  stdio: 'inherit',
  env: { ...process.env, ...(only ? { E2E_ONLY: only } : {}) },
});
process.exitCode = status ?? 1;
