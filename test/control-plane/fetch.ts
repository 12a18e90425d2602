// Downloads what the build needs from Debian, as any user: with the system's apt, its keys and its entries,
// but with lists and caches in a folder of our own, so that the system stays as it is.

import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import type { Steps } from '../go-modules/steps.ts';
import { type AptFile, deriveSources } from './apt-sources.ts';

export const codename = 'bookworm';
/** Debian's name of Kubernetes 1.20.2; what follows it are Debian's own revisions. */
const sourceVersion = '1.20.5+really1.20.2-';

const packages = ['golang-1.19-go', 'golang-1.19-src', 'etcd-server', 'golang-github-modern-go-reflect2-dev'];
/** Programs the build runs that a small system may lack, and their packages. Their libraries are always there. */
const tools = { make: 'make', patch: 'patch', xz: 'xz-utils' };

/** Versions as apt gives them: of the source package and of the unpacked ones. */
export interface Fetched {
  source: string;
  packages: Record<string, string>;
}

/** Leaves the source package's files in `work/source` and the unpacked packages in `work/root`. */
export async function fetchPackages(steps: Steps, work: string, env: NodeJS.ProcessEnv): Promise<Fetched> {
  const debs = join(work, 'debs');
  const source = join(work, 'source');
  await mkdir(debs, { recursive: true });
  await mkdir(source, { recursive: true });
  const options = await aptOptions(steps, join(work, 'apt'));
  const english = { ...env, LC_ALL: 'C' };
  const apt = (command: string, args: string[], cwd = work) =>
    steps.run(command, [...options, '-q', ...args], { cwd, env: english });

  // It fails when any one index does: what counts is what it knows afterwards.
  const updateFailure = await apt('apt-get', ['update']).then(
    () => '',
    (error: Error) => `\n${error.message}`,
  );
  const known = await apt('apt-cache', ['showsrc', '--only-source', 'kubernetes']).catch(() => '');
  const versions = [...known.matchAll(/^Version: (.*)$/gm)].map(([, version]) => version as string);
  const version = versions.filter((candidate) => candidate.startsWith(sourceVersion)).at(-1);
  if (!version) {
    throw new Error(`apt must know the source package kubernetes ${sourceVersion}*${updateFailure}`);
  }

  const lacking = Object.entries(tools).filter(([tool]) => !hasProgram(tool, env));
  await apt('apt-get', ['download', ...packages, ...lacking.map(([, name]) => name)], debs);
  await apt('apt-get', ['source', '--download-only', '--only-source', `kubernetes=${version}`], source);
  return { source: version, packages: await unpackAll(steps, debs, join(work, 'root')) };
}

async function aptOptions(steps: Steps, dir: string): Promise<string[]> {
  const derived = deriveSources(await systemSources(steps), codename);
  if (!derived.stanzas && !derived.lines) {
    throw new Error(`apt must have an entry for main of Debian ${codename}`);
  }
  const parts = join(dir, 'parts');
  // apt makes folders of its own only where root's are.
  for (const made of [parts, join(dir, 'lists/partial'), join(dir, 'cache/archives/partial')]) {
    await mkdir(made, { recursive: true });
  }
  await writeFile(join(parts, 'derived.sources'), `${derived.stanzas}\n`);
  await writeFile(join(parts, 'derived.list'), `${derived.lines}\n`);
  const options = {
    'Dir::Etc::SourceList': '/dev/null',
    'Dir::Etc::SourceParts': parts,
    'Dir::State::Lists': join(dir, 'lists'),
    'Dir::Cache': join(dir, 'cache'),
    // When root runs it, apt would download as a user that may not enter the cache folder.
    'APT::Sandbox::User': 'root',
  };
  return Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
}

async function systemSources(steps: Steps): Promise<AptFile[]> {
  const wanted = ['list', 'Dir::Etc::sourcelist/f', 'parts', 'Dir::Etc::sourceparts/d'];
  const shell = await steps.run('apt-config', ['shell', ...wanted]);
  const [, list] = /^list='(.*)'$/m.exec(shell) ?? [];
  const [, parts] = /^parts='(.*)'$/m.exec(shell) ?? [];
  const names = parts ? (await readdir(parts).catch(() => [])).map((name) => join(parts, name)) : [];
  const files = [list ?? '', ...names].filter((name) => /\.(list|sources)$/.test(name) && existsSync(name));
  return Promise.all(files.map(async (name) => ({ name, text: await readFile(name, 'utf8') })));
}

/** @returns the version of each package in `debs`, by name */
async function unpackAll(steps: Steps, debs: string, root: string): Promise<Record<string, string>> {
  const versions: Record<string, string> = {};
  for (const file of await readdir(debs)) {
    await steps.run('dpkg-deb', ['-x', join(debs, file), root]);
    const [name, version] = file.split('_');
    versions[name as string] = decodeURIComponent(version as string);
  }
  return versions;
}

export function hasProgram(name: string, env: NodeJS.ProcessEnv): boolean {
  return (env.PATH ?? '').split(delimiter).some((dir) => dir && existsSync(join(dir, name)));
}
