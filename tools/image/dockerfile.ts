// Plays the Dockerfile without an engine: the same instructions give the same files, so an image that is made here and
// one that an engine makes hold the same program. An instruction that is not known here is an error.
// Base images are not there: Node and its libraries are this machine's, and what `npm ci` would fetch is taken from this
// repository's node_modules.
import { execFile } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  symlinkSync,
} from 'node:fs';
import { access, mkdir, readFile, symlink, unlink } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';
import type { ImageConfig } from './oci-archive.ts';

const run = promisify(execFile);
export const root = join(import.meta.dirname, '..', '..');

export interface Instruction {
  word: string;
  rest: string;
}

export interface Image {
  /** Folders, the lowest first: one for each COPY of the last stage. */
  layers: string[];
  config: ImageConfig & Required<Pick<ImageConfig, 'entrypoint' | 'cmd' | 'env' | 'labels'>>;
}

/** Instructions, one after the other, without comments; continued lines are joined. */
function instructionsOf(dockerfile: string): Instruction[] {
  const text = dockerfile.replace(/^#.*\n/gm, '').replace(/\\\n\s*/g, '');
  return text.split('\n').flatMap((line) => {
    const match = /^([A-Z]+) (.*)$/.exec(line.trim());
    return match ? [{ word: match[1]!, rest: match[2]! }] : [];
  });
}

/** What .dockerignore lets into the build context. It must leave out everything that it does not list. */
async function contextOf(): Promise<Set<string>> {
  const lines = (await readFile(join(root, '.dockerignore'), 'utf8')).split('\n');
  if (!lines.includes('*')) throw new Error('.dockerignore must leave out all but what it lists');
  return new Set(lines.filter((line) => line.startsWith('!')).map((line) => line.slice(1)));
}

/**
 * Plays the Dockerfile in the folder `to`, with a folder for each stage.
 * @param args values of the Dockerfile's ARG instructions
 * @throws Error for an instruction that is not known here
 */
export async function assemble(to: string, args: Record<string, string> = {}): Promise<Image> {
  const context = await contextOf();
  const stages = new Map<string, string>();
  const values = new Map<string, string>();
  const config: Image['config'] = { entrypoint: [], cmd: [], env: {}, labels: {}, exposedPorts: [] };
  const layers: string[] = [];
  let stage = '';
  let workdir = '';
  let isLast = false;
  for (const { word, rest } of instructionsOf(await readFile(join(root, 'Dockerfile'), 'utf8'))) {
    const substituted = rest.replace(/\$\{(\w+)\}/g, (_, name: string) => values.get(name) ?? '');
    if (word === 'FROM') {
      const [, base, name = 'last'] =
        /^(node:24-[\w.-]+@sha256:[0-9a-f]{64}|scratch)(?: AS (\w+))?$/.exec(rest) ?? [];
      if (!base) throw unknown(word, rest);
      isLast = name === 'last';
      stage = join(to, name);
      stages.set(name, stage);
      workdir = '/';
    } else if (word === 'WORKDIR') {
      workdir = rest;
      if (!isLast) await mkdir(join(stage, workdir), { recursive: true });
    } else if (word === 'COPY') {
      // Each COPY of the last stage becomes a layer, as an engine has it.
      const into = isLast ? join(to, `layer-${layers.length}`) : stage;
      if (isLast) layers.push(into);
      copy(rest, { stages, context, into, workdir });
    } else if (word === 'RUN') {
      if (isLast) throw unknown(word, rest);
      for (const command of rest.split(' && ')) await play(command, stage, workdir);
    } else if (word === 'ARG') {
      const [name = '', value = ''] = rest.split('=');
      values.set(name, args[name] ?? value);
    } else if (word === 'ENV') Object.assign(config.env, Object.fromEntries([rest.split('=', 2)]));
    else if (word === 'LABEL') {
      for (const [, key, value] of substituted.matchAll(/([\w.]+)="([^"]*)"/g)) config.labels[key!] = value!;
    } else if (word === 'USER') config.user = rest;
    else if (word === 'EXPOSE') config.exposedPorts = rest.split(' ').map((port) => `${port}/tcp`);
    else if (word === 'ENTRYPOINT') config.entrypoint = JSON.parse(rest) as string[];
    else if (word === 'CMD') config.cmd = JSON.parse(rest) as string[];
    else throw unknown(word, rest);
  }
  return { layers, config: { ...config, workingDir: workdir } };
}

/** The files of all layers in one folder, as a container sees them. */
export function merge(layers: readonly string[], to: string): void {
  for (const layer of layers) mirror(layer, to);
}

const unknown = (word: string, rest: string) => new Error(`${word} ${rest} is not known here`);

interface Copying {
  stages: ReadonlyMap<string, string>;
  context: ReadonlySet<string>;
  into: string;
  workdir: string;
}

function copy(rest: string, { stages, context, into, workdir }: Copying): void {
  const [, from, paths = rest] = /^--from=(\w+) (.*)$/.exec(rest) ?? [];
  const [destination = '', ...sources] = paths.split(' ').reverse();
  const base = destination.startsWith('/') ? into : join(into, workdir);
  for (const source of sources) {
    const stage = from === undefined ? root : stages.get(from);
    if (!stage) throw new Error(`COPY from ${from}, which is no stage`);
    if (from === undefined && !context.has(source)) throw new Error(`.dockerignore leaves ${source} out`);
    const path = join(stage, source);
    // The content of a folder goes to the destination; a file goes into it when it ends in a slash.
    const goesInto = destination.endsWith('/') && !lstatSync(path).isDirectory();
    mirror(path, join(base, destination, goesInto ? basename(source) : ''));
  }
}

/** The commands that the Dockerfile runs. */
async function play(command: string, stage: string, workdir: string): Promise<void> {
  const here = join(stage, workdir);
  const modules = join(here, 'node_modules');
  const path = `${join(root, 'node_modules', '.bin')}:${process.env.PATH}`;
  const env = { ...process.env, PATH: path };
  const [, system] = /^sh \/system\.sh (\/\w+)$/.exec(command) ?? [];
  if (system)
    await run('sh', [join(stage, 'system.sh'), join(stage, system), await nodeBinary()], { cwd: here });
  else if (command.startsWith('npm ci ')) await symlink(join(root, 'node_modules'), modules);
  else if (command === 'npm run build') await run('npm', ['run', 'build'], { cwd: here, env });
  else if (command === 'npm prune --omit=dev') {
    await unlink(modules);
    for (const folder of await production()) mirror(join(root, folder), join(here, folder));
  } else if (command === 'node tools/image/trim.ts node_modules') {
    // The files are links to the repository's: trim.ts may remove them, never write to them.
    await run(process.execPath, ['tools/image/trim.ts', 'node_modules'], { cwd: here });
  } else throw unknown('RUN', command);
}

/** The Node that package.json names, which is a package too; else the one that runs this. */
async function nodeBinary(): Promise<string> {
  const installed = join(root, 'node_modules', 'node', 'bin', 'node');
  return access(installed).then(
    () => installed,
    () => process.execPath,
  );
}

/**
 * A copy whose files are hard links where that can be: there are thousands, they go from stage to stage, and nothing
 * writes to them. What other users may not read is copied, since a container's user must.
 */
function mirror(source: string, target: string): void {
  const what = lstatSync(source);
  if (what.isDirectory()) {
    mkdirSync(target, { recursive: true });
    chmodSync(target, (what.mode & 0o7777) | 0o755);
    for (const name of readdirSync(source)) mirror(join(source, name), join(target, name));
  } else if (what.isSymbolicLink()) symlinkSync(readlinkSync(source), target);
  else {
    mkdirSync(dirname(target), { recursive: true });
    const isReadable = (what.mode & 0o444) === 0o444;
    if (isReadable && linked(source, target)) return;
    copyFileSync(source, target);
    chmodSync(target, (what.mode & 0o7777) | 0o444);
  }
}

/** False on a file system without links, or between two. */
function linked(source: string, target: string): boolean {
  try {
    linkSync(source, target);
    return true;
  } catch {
    return false;
  }
}

/** What `npm prune --omit=dev` would leave, without the folders inside of others. */
async function production(): Promise<string[]> {
  const { stdout } = await run('npm', ['ls', '--omit=dev', '--all', '--parseable'], { cwd: root });
  const folders = stdout
    .split('\n')
    .filter(Boolean)
    .map((path) => relative(root, path))
    .filter(Boolean);
  return folders.filter((folder) => folder.split('node_modules').length === 2);
}
