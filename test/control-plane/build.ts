// Builds Kubernetes 1.20's servers from Debian 12's packages, as any user and without installing anything:
// packages are downloaded with the system's apt, into state folders of our own, and only unpacked.

import { createHash } from 'node:crypto';
import { constants, existsSync } from 'node:fs';
import {
  access,
  chmod,
  copyFile,
  cp,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  statfs,
  writeFile,
} from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { systemClock } from '../../src/runtime/clock.ts';
import { oneAtATime, Steps } from '../go-modules/steps.ts';
import { type Binaries, cacheFolder, findBinaries, versionOf } from './binaries.ts';
import { codename, type Fetched, fetchPackages, hasProgram } from './fetch.ts';

export const builtVersion = 'v1.20.2';
/** Measured: 2.8 GB with Go's own cache. */
const neededBytes = 4e9;

export type Log = (line: string) => void;

/**
 * Builds into the cache folder, unless it is there already. 4 to 6 minutes on two cores; 4 GB of disk meanwhile.
 * @throws Error saying what to do instead where it cannot build, or with the end of the failing step's output
 */
export async function buildControlPlane(
  options: { log?: Log; force?: boolean; env?: NodeJS.ProcessEnv } = {},
): Promise<Binaries> {
  const { log = () => {}, force = false, env = process.env } = options;
  await refuseOtherSystems();
  const cache = cacheFolder(env);
  const wanted = join(cache, builtVersion);
  const lock = `spikegate-build-${createHash('sha256').update(wanted).digest('hex')}`;
  await oneAtATime(
    lock,
    () => log('another build is under way; waiting for it'),
    async () => {
      if (!force && existsSync(join(wanted, 'manifest.json'))) return;
      await build(cache, wanted, log, env);
    },
  );
  const found = await findBinaries({ ...env, KUBEBUILDER_ASSETS: '' });
  if ('missing' in found) throw new Error(`${wanted} must hold ${found.missing.join(', ')} after a build`);
  return found;
}

/** The binaries there are, built first where there are none. */
export async function ensureBinaries(options: { log?: Log } = {}): Promise<Binaries> {
  const found = await findBinaries();
  return 'missing' in found ? buildControlPlane(options) : found;
}

async function refuseOtherSystems(): Promise<void> {
  const release = await readFile('/etc/os-release', 'utf8').catch(() => '');
  const field = (name: string) => new RegExp(`^${name}="?([^"\n]*)`, 'm').exec(release)?.[1];
  const right = field('ID') === 'debian' && field('VERSION_CODENAME') === codename;
  if (right && (process.arch === 'x64' || process.arch === 'arm64')) return;
  const system = field('PRETTY_NAME') ?? process.platform;
  throw new Error(
    `Building needs Debian 12 (${codename}) on amd64 or arm64; this is ${system} on ${process.arch}. ` +
      'Let setup-envtest fetch etcd, kube-apiserver and kubectl, and set KUBEBUILDER_ASSETS to the folder it prints (add kube-controller-manager of the same version for garbage collection and the like).',
  );
}

async function build(cache: string, wanted: string, log: Log, env: NodeJS.ProcessEnv): Promise<void> {
  const tmp = join(cache, 'tmp');
  // What an interrupted build left; we hold the lock, so nobody is using it.
  await rm(tmp, { recursive: true, force: true });
  const work = join(tmp, 'build');
  await mkdir(work, { recursive: true });
  const { bavail, bsize } = await statfs(work);
  if (bavail * bsize < neededBytes) {
    throw new Error(
      `a build needs ${neededBytes / 1e9} GB free in ${cache}, there are ${(bavail * bsize) / 1e9}`,
    );
  }

  const steps = new Steps(join(cache, 'build.log'));
  const begin = systemClock.monotonic();
  const say: Log = (line) => {
    const seconds = Math.round((systemClock.monotonic() - begin) / 1000);
    log(`${String(Math.floor(seconds / 60))}:${String(seconds % 60).padStart(2, '0')}  ${line}`);
  };
  try {
    say('1/5 downloading Go, etcd and the Kubernetes source with apt');
    const fetched = await fetchPackages(steps, work, env);
    say(`2/5 unpacking Kubernetes ${fetched.source}`);
    const tree = await unpack(steps, work);
    const goEnv = await prepareGo(work, env);
    say('3/5 generating code');
    const targets = (line: string) => /^ {4}\.\/vendor\/(\S+)/.exec(line)?.[1];
    await steps.run('make', ['generated_files'], {
      cwd: tree,
      env: goEnv,
      onLine: (line) => targets(line) && say(`    ${targets(line)?.split('/').at(-1)}`),
    });
    say('4/5 compiling kube-apiserver, kube-controller-manager and kubectl');
    const out = join(tmp, builtVersion);
    await mkdir(out);
    await compile(steps, tree, out, goEnv, say);
    say('5/5 checking and installing');
    await copyFile(join(work, 'root/usr/bin/etcd'), join(out, 'etcd'));
    await install(out, wanted, fetched);
    await rm(tmp, { recursive: true, force: true });
    say(`done: ${wanted}`);
  } finally {
    steps.close();
  }
}

/** @returns the source tree, with Debian's patches, where Go's old way of finding packages wants it */
async function unpack(steps: Steps, work: string): Promise<string> {
  const tree = join(work, 'go/src/k8s.io/kubernetes');
  const env = withUnpackedTools(work, process.env);
  await mkdir(tree, { recursive: true });
  const files = await readdir(join(work, 'source'));
  const one = (part: string) => join(work, 'source', files.find((name) => name.includes(part)) ?? part);
  await steps.run('tar', ['-xf', one('.orig.tar'), '-C', tree, '--strip-components=1'], { env });
  await steps.run('tar', ['-xf', one('.debian.tar'), '-C', tree], { env });
  const series = await readFile(join(tree, 'debian/patches/series'), 'utf8').catch(() => '');
  for (const patch of series.split('\n').filter((line) => line.trim() && !line.startsWith('#'))) {
    const args = ['-p1', '--batch', '-i', join(tree, 'debian/patches', patch.trim())];
    await steps.run('patch', args, { cwd: tree, env });
  }
  // The vendored 1.0.1 reads Go's map layout wrongly since Go 1.18: the server would start, answer GETs and
  // panic on every typed body that has a map, labels for one.
  const reflect2 = 'github.com/modern-go/reflect2';
  await rm(join(tree, 'vendor', reflect2), { recursive: true });
  await cp(join(work, 'root/usr/share/gocode/src', reflect2), join(tree, 'vendor', reflect2), {
    recursive: true,
  });
  return tree;
}

function withUnpackedTools(work: string, env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const bin = [join(work, 'root/usr/lib/go-1.19/bin'), join(work, 'root/usr/bin'), join(work, 'bin')];
  return { ...env, PATH: [...bin, env.PATH].join(delimiter) };
}

async function prepareGo(work: string, env: NodeJS.ProcessEnv): Promise<NodeJS.ProcessEnv> {
  if (!hasProgram('rsync', env)) {
    // Kubernetes' scripts use it for one thing: to copy one built program. A real one needs many libraries.
    const stand = join(work, 'bin/rsync');
    await mkdir(join(work, 'bin'));
    await writeFile(stand, '#!/bin/sh\nshift\nexec cp -p "$@"\n');
    await chmod(stand, 0o755);
  }
  const { GOFLAGS: _, GOARCH: __, GOOS: ___, ...rest } = withUnpackedTools(work, env);
  return {
    ...rest,
    GOROOT: join(work, 'root/usr/lib/go-1.19'),
    GOPATH: join(work, 'go'),
    GOCACHE: join(work, 'gocache'),
    GOENV: 'off',
    GO111MODULE: 'off',
    GOTOOLCHAIN: 'local',
    CGO_ENABLED: '0',
    // A git repository around the cache folder (a home folder kept in git) is not Kubernetes'.
    GIT_CEILING_DIRECTORIES: work,
  };
}

async function compile(
  steps: Steps,
  tree: string,
  out: string,
  env: NodeJS.ProcessEnv,
  say: Log,
): Promise<void> {
  const [major, minor] = builtVersion.slice(1).split('.');
  const built = new Date(systemClock.now()).toISOString().replace(/\.\d+Z$/, 'Z');
  const values = {
    gitVersion: builtVersion,
    gitMajor: major,
    gitMinor: minor,
    gitTreeState: 'archive',
    buildDate: built,
  };
  // Without these the server reports v0.0.0, and clients that ask for its version misjudge it.
  const flags = ['client-go/pkg/version', 'component-base/version'].flatMap((pkg) =>
    Object.entries(values).map(
      ([name, value]) => `-X k8s.io/kubernetes/vendor/k8s.io/${pkg}.${name}=${value}`,
    ),
  );
  const commands = ['kube-apiserver', 'kube-controller-manager', 'kubectl'].map((name) => `./cmd/${name}`);
  const total = (await steps.run('go', ['list', '-deps', ...commands], { cwd: tree, env })).split(
    '\n',
  ).length;
  let done = 0;
  let told = 0;
  await steps.run(
    'go',
    ['build', '-v', '-trimpath', '-ldflags', `-s -w ${flags.join(' ')}`, '-o', `${out}/`, ...commands],
    {
      cwd: tree,
      env,
      onLine: () => {
        const percent = Math.floor((++done / total) * 100);
        if (percent < told + 10) return;
        told = percent;
        say(`    ${done} of ${total} packages`);
      },
    },
  );
}

async function install(out: string, wanted: string, fetched: Fetched): Promise<void> {
  for (const name of ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kubectl']) {
    await access(join(out, name), constants.X_OK);
  }
  const version = await versionOf(join(out, 'kube-apiserver'));
  if (version !== builtVersion)
    throw new Error(`the built server must report ${builtVersion}, reports ${version}`);
  const manifest = {
    kubernetes: version,
    source: `kubernetes ${fetched.source}`,
    packages: fetched.packages,
    built: new Date(systemClock.now()).toISOString(),
    how: 'CGO_ENABLED=0 GO111MODULE=off go build, vendored reflect2 replaced',
  };
  // Written last: a folder with a manifest is whole.
  await writeFile(join(out, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  await rm(wanted, { recursive: true, force: true });
  await rename(out, wanted);
}
