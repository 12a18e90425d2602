// A real Prometheus server and its promtool (Debian's package `prometheus`), where this machine has them.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { accessSync, constants, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

export function onPath(program: string): string | undefined {
  return (process.env.PATH ?? '')
    .split(delimiter)
    .map((folder) => join(folder, program))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/** Why a test that needs this program must be left out, or false. */
export const skipWithout = (program: 'prometheus' | 'promtool'): string | false =>
  onPath(program) ? false : `no ${program} on the PATH (apt-get install prometheus)`;

/** Starts a server with this configuration (YAML), its data in `dir`. It answers some time later. */
export function startPrometheus(dir: string, port: number, config: string): ChildProcess {
  const file = join(dir, 'prometheus.yml');
  writeFileSync(file, config);
  return spawn(
    onPath('prometheus')!,
    [
      ...[`--config.file=${file}`, `--storage.tsdb.path=${join(dir, 'data')}`, '--log.level=error'],
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  );
}

export const ended = (child: ChildProcess): Promise<void> =>
  new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve();
    child.once('exit', () => resolve());
    child.kill('SIGKILL');
  });

/** Runs promtool; `output` is all that it said. */
export function promtool(args: readonly string[], cwd: string): Promise<{ ok: boolean; output: string }> {
  return new Promise((resolve) => {
    execFile(onPath('promtool')!, [...args], { cwd }, (error, stdout, stderr) =>
      resolve({ ok: !error, output: `${stdout}${stderr}` }),
    );
  });
}
