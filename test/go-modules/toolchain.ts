// The `go` command that a build uses, and the environment it runs in.

import { execFile } from 'node:child_process';
import { tmpdir } from 'node:os';
import { promisify } from 'node:util';

/** The first Go that fetches the toolchain that GOTOOLCHAIN names. */
const oldestGo = 21;

/** Go is missing or too old. The message is for the person at the terminal. */
export class GoUnusable extends Error {
  override name = 'GoUnusable';
}

/** @throws GoUnusable */
export async function refuseUnusableGo(
  module: string,
  toolchain: string,
  env: NodeJS.ProcessEnv,
): Promise<void> {
  const found = await localGo(env);
  const [, minor] = /^go1\.([0-9]+)/.exec(found ?? '') ?? [];
  if (Number(minor) >= oldestGo) return;
  const is = found === undefined ? 'there is none on the PATH' : `the PATH has ${found}`;
  throw new GoUnusable(
    `Building ${module} needs Go 1.${oldestGo} or newer (it then fetches ${toolchain} by itself); ${is}.`,
  );
}

/** Such as `go1.26.8`: the one that is installed, not the one it would fetch. */
async function localGo(env: NodeJS.ProcessEnv): Promise<string | undefined> {
  // In a folder without a go.mod, which could ask for a newer Go than there is.
  const options = { env: { ...env, GOTOOLCHAIN: 'local' }, cwd: tmpdir() };
  return promisify(execFile)('go', ['env', 'GOVERSION'], options).then(
    ({ stdout }) => stdout.trim(),
    () => undefined,
  );
}

/** The person's own Go settings (proxy, caches), without those that would change what is built. */
export function goEnvironment(
  env: NodeJS.ProcessEnv,
  { toolchain, cgo }: { toolchain: string; cgo: boolean },
): NodeJS.ProcessEnv {
  const { GOOS: _, GOARCH: __, ...rest } = env;
  return {
    ...rest,
    GOTOOLCHAIN: toolchain,
    GOFLAGS: '-mod=readonly',
    GOWORK: 'off',
    CGO_ENABLED: cgo ? '1' : '0',
  };
}
