// Builds the programs of a pinned Go module, as any user: `go build` from the modules that go.mod and go.sum name.
// Knows nothing of Kubernetes, and names no place that modules come from: that is Go's own setting.
//
// A module is a folder with two files:
//   go.mod   which programs (`tool` lines), which versions (`require`), which Go (`toolchain`)
//   go.sum   the checksums of all of them
// Both are made by `go get -tool PACKAGE@VERSION` and `go mod tidy` in that folder.

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { systemClock } from '../../src/runtime/clock.ts';
import { oneAtATime, Steps } from './steps.ts';
import { goEnvironment, refuseUnusableGo } from './toolchain.ts';

export type Log = (line: string) => void;

export interface GoBuild {
  /** The folder of go.mod and go.sum. Its name is the module's name in logs and in `out`. */
  folder: string;
  /** Where the programs go. Several modules may share it. Each program is replaced whole. */
  out: string;
  /** A program is named after its package, without a version: `.../server/v3` gives `server`. Another name for it. */
  rename?: Record<string, string>;
  tags?: string[];
  /** In addition to `-s -w`. */
  ldflags?: string[];
  /** Default false: static programs, which need no C compiler. */
  cgo?: boolean;
  /** Build again even when `out` has what this build makes. */
  force?: boolean;
  log?: Log;
  env?: NodeJS.ProcessEnv;
}

/**
 * Builds all `tool`s of the module into `out`, unless they are there from the same go.mod, go.sum and options.
 * The whole output of Go is in `out/<module>.log`.
 * @returns the programs' names, and whether they were built now
 * @throws GoUnusable where Go is missing or too old; Error with the end of Go's output when a build fails
 */
export async function buildGoModule(options: GoBuild): Promise<{ programs: string[]; built: boolean }> {
  const { folder, out, force = false, log = () => {}, env = process.env } = options;
  const module = basename(folder);
  const goMod = await readFile(join(folder, 'go.mod'), 'utf8');
  const tools = toolsOf(goMod);
  const programs = tools.map((tool) => nameOf(tool, options.rename));
  const key = await keyOf(goMod, options);
  const record = join(out, `${module}.json`);
  const isThere = async () =>
    (await keyIn(record)) === key && programs.every((name) => existsSync(join(out, name)));

  if (!force && (await isThere())) return { programs, built: false };
  const toolchain = toolchainOf(goMod, folder);
  await refuseUnusableGo(module, toolchain, env);
  await mkdir(out, { recursive: true });
  const lock = `spikegate-go-${createHash('sha256').update(record).digest('hex')}`;
  const wait = () => log(`${module}: another build is under way; waiting for it`);
  return await oneAtATime(lock, wait, async () => {
    if (!force && (await isThere())) return { programs, built: false };
    const begin = systemClock.monotonic();
    const say: Log = (line) => log(`${minutes(systemClock.monotonic() - begin)}  ${module}: ${line}`);
    const goEnv = goEnvironment(env, { toolchain, cgo: options.cgo ?? false });
    await compile(options, tools, goEnv, say);
    // Written last: programs beside a record with the right key are whole.
    const text = {
      key,
      go: toolchain,
      programs: Object.fromEntries(programs.map((name, i) => [name, tools[i]])),
    };
    await writeFile(record, `${JSON.stringify(text, null, 2)}\n`);
    say('done');
    return { programs, built: true };
  });
}

async function compile(
  { folder, out, tags = [], ldflags = [], rename: names }: GoBuild,
  tools: string[],
  env: NodeJS.ProcessEnv,
  say: Log,
): Promise<void> {
  const steps = new Steps(join(out, `${basename(folder)}.log`));
  const fresh = await mkdtemp(join(out, '.building-'));
  try {
    const tagFlag = tags.length ? ['-tags', tags.join(',')] : [];
    say('fetching modules');
    const packages = await steps.run('go', ['list', '-deps', ...tagFlag, ...tools], { cwd: folder, env });
    const total = packages.split('\n').length;
    say(`compiling ${total} packages, fewer where Go's cache has them`);
    let compiled = 0;
    const flags = [
      '-v',
      '-trimpath',
      '-buildvcs=false',
      ...tagFlag,
      '-ldflags',
      ['-s', '-w', ...ldflags].join(' '),
    ];
    await steps.run('go', ['build', ...flags, '-o', `${fresh}/`, ...tools], {
      cwd: folder,
      env,
      onLine: () => {
        if (++compiled % 500 === 0) say(`compiled ${compiled} of ${total} packages`);
      },
    });
    for (const tool of tools) await rename(join(fresh, nameOf(tool)), join(out, nameOf(tool, names)));
  } finally {
    await rm(fresh, { recursive: true, force: true });
    steps.close();
  }
}

/** Where Go keeps the files of a module that `folder`'s go.mod requires. Go downloads them when they are not there. */
export async function sourceOf(
  folder: string,
  path: string,
  env: NodeJS.ProcessEnv = process.env,
): Promise<string> {
  const toolchain = toolchainOf(await readFile(join(folder, 'go.mod'), 'utf8'), folder);
  const { stdout } = await promisify(execFile)('go', ['mod', 'download', '-json', path], {
    cwd: folder,
    env: goEnvironment(env, { toolchain, cgo: false }),
  });
  return (JSON.parse(stdout) as { Dir: string }).Dir;
}

/** The packages of the `tool` lines of a go.mod. */
export function toolsOf(goMod: string): string[] {
  const blocks = [...goMod.matchAll(/^tool \(\n([^)]*)\)/gm)].flatMap(([, block = '']) => block.split('\n'));
  const lines = [...goMod.matchAll(/^tool ([^(\s]+)/gm)].map(([, tool = '']) => tool);
  const tools = [...lines, ...blocks]
    .map((line) => line.replace(/\/\/.*/, '').trim())
    .filter((line) => line !== '');
  if (tools.length === 0) throw new Error('go.mod must name its programs in `tool` lines, it has none');
  return tools;
}

/** The version that a go.mod requires of a module: `v1.37.2`. */
export function versionIn(goMod: string, module: string): string {
  const words = goMod.split('\n').map((line) =>
    line
      .trim()
      .replace(/^require /, '')
      .split(' '),
  );
  const version = words.find(([name, version]) => name === module && version?.startsWith('v'))?.[1];
  if (!version) throw new Error(`go.mod must require ${module}, it does not`);
  return version;
}

function toolchainOf(goMod: string, folder: string): string {
  const [, toolchain] = /^toolchain (go\S+)$/m.exec(goMod) ?? [];
  if (!toolchain)
    throw new Error(`${folder}/go.mod must have a toolchain line, such as "toolchain go1.27.3"`);
  return toolchain;
}

/** As `go build` names the program of a package, unless `names` has another for it. */
function nameOf(tool: string, names: Record<string, string> = {}): string {
  const parts = tool.split('/').filter((part) => !/^v[0-9]+$/.test(part));
  const name = parts.at(-1) ?? tool;
  return Object.hasOwn(names, name) ? (names[name] ?? name) : name;
}

async function keyOf(goMod: string, { folder, rename, tags, ldflags, cgo }: GoBuild): Promise<string> {
  const goSum = await readFile(join(folder, 'go.sum'), 'utf8');
  const parts = [
    goMod,
    goSum,
    rename ?? {},
    tags ?? [],
    ldflags ?? [],
    cgo ?? false,
    process.platform,
    process.arch,
  ];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

async function keyIn(record: string): Promise<string | undefined> {
  const text = await readFile(record, 'utf8').catch(() => undefined);
  return text === undefined ? undefined : (JSON.parse(text) as { key?: string }).key;
}

function minutes(ms: number): string {
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}
