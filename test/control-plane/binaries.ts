// Finds the control plane's programs. Never builds them.

import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access, readdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { promisify } from 'node:util';

export interface Binaries {
  /** As the API server says: `v1.20.2`. */
  version: string;
  /** The folder they are in. */
  dir: string;
  from: 'KUBEBUILDER_ASSETS' | 'cache';
  etcd: string;
  apiserver: string;
  /** setup-envtest brings none; without it nothing collects garbage or ends a namespace. */
  controllerManager?: string;
  kubectl?: string;
}

export interface NotFound {
  missing: string[];
  looked: string[];
}

/** Where `build` puts the programs: one folder per version. */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  const xdg = env.XDG_CACHE_HOME;
  // The XDG specification has relative paths ignored.
  const cache = xdg && isAbsolute(xdg) ? xdg : join(homedir(), '.cache');
  return join(cache, 'spikegate', 'control-plane');
}

/** Looks in `KUBEBUILDER_ASSETS`, then in the cache, newest version first. */
export async function findBinaries(env: NodeJS.ProcessEnv = process.env): Promise<Binaries | NotFound> {
  const places: { dir: string; from: Binaries['from'] }[] = [];
  if (env.KUBEBUILDER_ASSETS) places.push({ dir: env.KUBEBUILDER_ASSETS, from: 'KUBEBUILDER_ASSETS' });
  const cache = cacheFolder(env);
  for (const version of await cachedVersions(cache))
    places.push({ dir: join(cache, version), from: 'cache' });

  const missing = new Set<string>();
  for (const { dir, from } of places) {
    const [etcd, apiserver, controllerManager, kubectl] = await Promise.all(
      ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kubectl'].map((name) => program(dir, name)),
    );
    if (etcd && apiserver) {
      const version = await versionOf(apiserver);
      const found: Binaries = { version, dir, from, etcd, apiserver };
      if (controllerManager) found.controllerManager = controllerManager;
      if (kubectl) found.kubectl = kubectl;
      return found;
    }
    if (!etcd) missing.add('etcd');
    if (!apiserver) missing.add('kube-apiserver');
  }
  return {
    missing: missing.size ? [...missing] : ['etcd', 'kube-apiserver', 'kube-controller-manager'],
    looked: [
      env.KUBEBUILDER_ASSETS
        ? `${env.KUBEBUILDER_ASSETS} (KUBEBUILDER_ASSETS)`
        : 'KUBEBUILDER_ASSETS (not set)',
      `${cache}/<version>`,
    ],
  };
}

/** What to tell a person who has no control plane. */
export function explainNotFound({ missing, looked }: NotFound): string {
  return [
    `No control plane: ${missing.join(', ')} not found.`,
    `Looked in ${looked.join(' and ')}.`,
    'On Debian 12, `npm run control-plane -- build` makes one (5 to 6 minutes, once).',
    'Elsewhere, setup-envtest fetches one; set KUBEBUILDER_ASSETS to its folder.',
  ].join('\n');
}

async function cachedVersions(cache: string): Promise<string[]> {
  const names = await readdir(cache).catch(() => []);
  const versions = names.filter((name) => /^v\d+\.\d+\.\d+$/.test(name));
  return versions.sort((a, b) => b.localeCompare(a, 'en', { numeric: true }));
}

async function program(dir: string, name: string): Promise<string | undefined> {
  const path = join(dir, name);
  return access(path, constants.X_OK).then(
    () => path,
    () => undefined,
  );
}

/** @throws Error when the program does not run here (another architecture, say) */
export async function versionOf(program: string): Promise<string> {
  const { stdout } = await promisify(execFile)(program, ['--version']);
  const [, version] = /Kubernetes (v\S+)/.exec(stdout) ?? [];
  if (!version) throw new Error(`${program} --version must print a Kubernetes version, printed: ${stdout}`);
  return version;
}
