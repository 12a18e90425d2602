// Finds the control plane's programs. Never builds them.

import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access, readdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { promisify } from 'node:util';
import { minorOf, oldestMinor } from './versions.ts';

export interface Binaries {
  /** As the API server says: `v1.37.2`. */
  version: string;
  /** The folder they are in. */
  dir: string;
  from: 'KUBEBUILDER_ASSETS' | 'cache';
  etcd: string;
  apiserver: string;
  /** setup-envtest brings none; without it nothing collects garbage or ends a namespace. */
  controllerManager?: string;
  kubectl?: string;
  /** Restores a snapshot of etcd. setup-envtest brings none. */
  etcdutl?: string;
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

/**
 * Looks in `KUBEBUILDER_ASSETS`, then in the cache, newest version first.
 * `SPIKEGATE_KUBERNETES` (`1.31`) asks for one minor version: programs of others are passed over.
 */
export async function findBinaries(env: NodeJS.ProcessEnv = process.env): Promise<Binaries | NotFound> {
  const { KUBEBUILDER_ASSETS: assets, SPIKEGATE_KUBERNETES: wanted } = env;
  const cache = cacheFolder(env);
  const isWanted = (version: string) => !wanted || `1.${minorOf(version)}` === wanted;
  const places: { dir: string; from: Binaries['from'] }[] = [];
  if (assets) places.push({ dir: assets, from: 'KUBEBUILDER_ASSETS' });
  for (const version of (await cachedVersions(cache)).filter(isWanted))
    places.push({ dir: join(cache, version), from: 'cache' });

  const missing = new Set<string>();
  for (const { dir, from } of places) {
    const found = await binariesIn(dir, from);
    if (!('missing' in found)) {
      if (isWanted(found.version)) return found;
    } else for (const name of found.missing) missing.add(name);
  }
  const version = wanted ? ` of Kubernetes ${wanted}` : '';
  return {
    missing: missing.size ? [...missing] : ['etcd', 'kube-apiserver', 'kube-controller-manager'],
    looked: [
      assets ? `${assets} (KUBEBUILDER_ASSETS)` : 'KUBEBUILDER_ASSETS (not set)',
      `${cache}/<version>${version}`,
    ],
  };
}

async function binariesIn(dir: string, from: Binaries['from']): Promise<Binaries | { missing: string[] }> {
  const [etcd, apiserver, controllerManager, kubectl, etcdutl] = await Promise.all(
    ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kubectl', 'etcdutl'].map((name) =>
      program(dir, name),
    ),
  );
  if (!etcd || !apiserver) {
    return { missing: [...(etcd ? [] : ['etcd']), ...(apiserver ? [] : ['kube-apiserver'])] };
  }
  const found: Binaries = { version: await versionOf(apiserver), dir, from, etcd, apiserver };
  if (controllerManager) found.controllerManager = controllerManager;
  if (kubectl) found.kubectl = kubectl;
  if (etcdutl) found.etcdutl = etcdutl;
  return found;
}

/** What to tell a person who has no control plane. */
export function explainNotFound({ missing, looked }: NotFound): string {
  return [
    `No control plane: ${missing.join(', ')} not found.`,
    `Looked in ${looked.join(' and ')}.`,
    'With Go, `npm run control-plane -- build` makes one (about 6 minutes, once).',
    'Elsewhere, setup-envtest fetches one; set KUBEBUILDER_ASSETS to its folder.',
  ].join('\n');
}

/** Supported ones alone: an older checkout may have left others. */
async function cachedVersions(cache: string): Promise<string[]> {
  const names = await readdir(cache).catch(() => []);
  const versions = names.filter((name) => /^v1\.[0-9]+\.[0-9]+$/.test(name) && minorOf(name) >= oldestMinor);
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
