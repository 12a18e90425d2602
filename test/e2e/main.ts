// `npm run e2e -- --target sandbox | control-plane | current [--only TEXT]`
import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { atOnce } from '../side-by-side.ts';
import { targetNames } from './targets.ts';

const { target, only } = new Command('e2e')
  .description('run the end-to-end scenarios on a target')
  .addOption(new Option('--target <name>', 'where to run').choices([...targetNames]).default('sandbox'))
  .option('--only <text>', 'only scenarios whose name contains this')
  .parse()
  .opts<{ target: string; only?: string }>();

const files: Record<string, string> = {
  sandbox: 'sandbox/*.test.ts',
  'control-plane': 'control-plane.test.ts',
  current: 'current.ts',
};
const found = globSync(files[target] ?? '', { cwd: import.meta.dirname }).sort();
const paths = found.map((file) => join(import.meta.dirname, file));
const { status } = spawnSync(
  process.execPath,
  ['--test', `--test-concurrency=${atOnce({ withControlPlane: false })}`, ...paths],
  {
    stdio: 'inherit',
    env: { ...process.env, ...(only ? { E2E_ONLY: only } : {}) },
  },
);
process.exitCode = status ?? 1;
