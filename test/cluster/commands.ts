// Commands of this machine, run to their end; and those that a cluster needs.

import { execFile, spawn, spawnSync } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { promisify } from 'node:util';

const exec = promisify(execFile);

/** @throws Error with the command line and what it wrote to its standard error */
export async function run(command: string, args: string[], env = process.env): Promise<string> {
  try {
    const { stdout } = await exec(command, args, { env, maxBuffer: 64 * 2 ** 20 });
    return stdout;
  } catch (error) {
    const { stderr = '', message } = error as Error & { stderr?: string };
    throw new Error(`${command} ${args.join(' ')} failed: ${stderr.trim() || message}`);
  }
}

/** Runs a command that reads `file` as its standard input. */
export function runWithInput(command: string, args: string[], file: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    let output = '';
    let errors = '';
    child.stdout.on('data', (chunk) => {
      output += chunk;
    });
    child.stderr.on('data', (chunk) => {
      errors += chunk;
    });
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve(output);
      else reject(new Error(`${command} ${args.join(' ')} failed with ${file}: ${errors.trim()}`));
    });
    const input = createReadStream(file);
    input.once('error', reject);
    // When the command ends early its own error says why.
    child.stdin.once('error', () => {});
    input.pipe(child.stdin);
  });
}

/** Debian's packages of the commands that `up` uses, and of what the programs are built with. */
const packages: Record<string, string> = {
  ip: 'iproute2',
  iptables: 'iptables',
  mount: 'mount',
  unshare: 'util-linux',
  nsenter: 'util-linux',
  tar: 'tar',
  gcc: 'gcc',
  'pkg-config': 'pkg-config',
};
const libraries = { seccomp: 'libseccomp-dev' };

/** @throws Error in one line */
export function refuseOtherMachines(platform = process.platform, uid = process.getuid?.()): void {
  if (platform !== 'linux') throw new Error(`a cluster needs Linux; this machine runs ${platform}`);
  if (uid !== 0) throw new Error('a cluster needs root: it makes namespaces, control groups and a network');
}

/** Installs on Debian what is missing. @throws Error in one line that names the packages, elsewhere */
export async function ensurePackages(log: (line: string) => void): Promise<void> {
  const missing = missingPackages();
  if (missing.length === 0) return;
  const names = missing.join(' ');
  if (spawnSync('apt-get', ['--version']).status !== 0) {
    throw new Error(`a cluster needs programs that are not there. Their packages in Debian: ${names}`);
  }
  log(`installing Debian packages: ${names}`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const install = () => run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...missing], env);
  await install().catch(async () => {
    // The lists may be old or not there at all.
    await run('apt-get', ['update', '-qq'], env);
    await install();
  });
}

function missingPackages(): string[] {
  const isThere = (command: string) => spawnSync('sh', ['-c', `command -v ${command}`]).status === 0;
  const missing = Object.entries(packages).flatMap(([command, name]) => (isThere(command) ? [] : [name]));
  for (const [library, name] of Object.entries(libraries)) {
    const found = spawnSync('pkg-config', ['--exists', `lib${library}`]).status === 0;
    if (!found) missing.push(name);
  }
  return [...new Set(missing)];
}
