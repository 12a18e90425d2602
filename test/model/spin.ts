// Whether this machine can check the model: spin, and a C compiler for the checker that spin writes.
import { spawnSync } from 'node:child_process';

const missing = ['spin', 'cc'].filter((program) => spawnSync(program, ['--version']).error);

/** Why the model cannot be checked here; false where it can. */
export const whyNoSpin: string | false =
  missing.length > 0
    ? `no ${missing.join(' and no ')} on the PATH (apt-get install spin gcc libc6-dev)`
    : false;
