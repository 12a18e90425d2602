// Plays the Dockerfile without an engine: the same files come from the same instructions, so what it makes and what an
// image would hold cannot drift apart. An instruction that it does not know is an error. Base images are not there:
// what `npm ci` would fetch is taken from this repository's node_modules.
import { execFile } from 'node:child_process';
import {
  copyFileSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  symlinkSync,
} from 'node:fs';
import { mkdir, readFile, symlink, unlink } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const root = join(import.meta.dirname, '..', '..');

export interface Instruction {
  word: string;
  rest: string;
}

export interface Image {
  /** Where the image's WORKDIR is on this machine. */
  directory: string;
  env: Record<string, string>;
  user: string;
  labels: string[];
  /** Entrypoint and command. */
  command: string[];
}

/** Instructions, one after the other; comments are gone, and continued lines joined. */
export function instructionsOf(dockerfile: string): Instruction[] {
  const text = dockerfile.replace(/^#.*\n/gm, '').replace(/\\\n\s*/g, '');
  return text.split('\n').flatMap((line) => {
    const match = /^([A-Z]+) (.*)$/.exec(line.trim());
    return match ? [{ word: match[1]!, rest: match[2]! }] : [];
  });
}

/** Of the build context, what .dockerignore lets in: it refuses all but the names that it lists. */
export async function contextOf(): Promise<Set<string>> {
  const lines = (await readFile(join(root, '.dockerignore'), 'utf8')).split('\n');
  if (!lines.includes('*')) throw new Error('.dockerignore must leave out all but what it lists');
  return new Set(lines.filter((line) => line.startsWith('!')).map((line) => line.slice(1)));
}

/** Plays the Dockerfile below `to`, a folder for each stage. @throws Error for what it does not know */
export async function assemble(to: string): Promise<Image> {
  const context = await contextOf();
  const image: Image = { directory: '', env: {}, user: '', labels: [], command: [] };
  const stages = new Map<string, string>();
  let stage = '';
  let workdir = '';
  const here = () => join(to, stage, workdir);
  for (const { word, rest } of instructionsOf(await readFile(join(root, 'Dockerfile'), 'utf8'))) {
    const unknown = () => new Error(`${word} ${rest} is not known here`);
    if (word === 'FROM') {
      const [, name = 'final'] = /^node:24-\S+(?: AS (\w+))?$/.exec(rest) ?? [];
      if (!rest.startsWith('node:24-')) throw unknown();
      stage = name;
      stages.set(name, join(to, name));
    } else if (word === 'WORKDIR') {
      workdir = rest;
      await mkdir(here(), { recursive: true });
    } else if (word === 'COPY') await copy(rest, stages, context, here());
    else if (word === 'RUN') await play(rest, here());
    else if (word === 'ENV') Object.assign(image.env, Object.fromEntries([rest.split('=', 2)]));
    else if (word === 'LABEL') image.labels.push(...[...rest.matchAll(/([\w.]+)="/g)].map(([, key]) => key!));
    else if (word === 'USER') image.user = rest;
    else if (word === 'ENTRYPOINT' || word === 'CMD') image.command.push(...(JSON.parse(rest) as string[]));
    else if (word !== 'ARG' && word !== 'EXPOSE') throw unknown();
  }
  image.directory = here();
  return image;
}

async function copy(
  rest: string,
  stages: Map<string, string>,
  context: Set<string>,
  here: string,
): Promise<void> {
  const [, from, paths = rest] = /^--from=(\w+) (.*)$/.exec(rest) ?? [];
  const [destination = '', ...sources] = paths.split(' ').reverse();
  for (const source of sources) {
    const stage = from === undefined ? root : stages.get(from);
    if (!stage) throw new Error(`COPY from ${from}, which is no stage`);
    if (from === undefined && !context.has(source)) throw new Error(`.dockerignore leaves ${source} out`);
    // Into a folder when it ends in a slash, else as that name.
    const target = destination.endsWith('/')
      ? join(here, destination, basename(source))
      : join(here, destination);
    mirror(join(stage, source), target);
  }
}

/** The commands that the Dockerfile runs. */
async function play(command: string, here: string): Promise<void> {
  const modules = join(here, 'node_modules');
  if (command.startsWith('npm ci ')) return symlink(join(root, 'node_modules'), modules);
  if (command === 'npm run build && npm prune --omit=dev') {
    const path = `${join(root, 'node_modules', '.bin')}:${process.env.PATH}`;
    await run('npm', ['run', 'build'], { cwd: here, env: { ...process.env, PATH: path } });
    await unlink(modules);
    for (const folder of await production()) {
      mirror(join(root, folder), join(here, folder));
    }
    return;
  }
  // It is about the base image, which is not there.
  if (!command.startsWith('rm -rf /usr/local/')) throw new Error(`RUN ${command} is not known here`);
}

/**
 * A copy whose files are hard links where that can be: nobody writes to them, and there are thousands, which go from
 * stage to stage.
 */
function mirror(source: string, target: string): void {
  const what = lstatSync(source);
  if (what.isDirectory()) {
    mkdirSync(target, { recursive: true });
    for (const name of readdirSync(source)) mirror(join(source, name), join(target, name));
  } else if (what.isSymbolicLink()) symlinkSync(readlinkSync(source), target);
  else {
    mkdirSync(dirname(target), { recursive: true });
    try {
      linkSync(source, target);
    } catch {
      // Another file system, or one without links.
      copyFileSync(source, target);
    }
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
