// The programs of a node that Kubernetes' own module does not have, and of what is installed on it: built once, from
// pinned Go modules, into the cache folder.

import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Binaries, cacheFolder, explainNotFound, findBinaries } from '../control-plane/binaries.ts';
import { buildGoModule, type GoBuild } from '../go-modules/build.ts';

const modules = {
  containerd: {},
  // It switches users and filters system calls in C.
  runc: { cgo: true, tags: ['seccomp', 'netgo', 'osusergo'], ldflags: ['-extldflags', '-static'] },
  'cni-plugins': {},
  coredns: {},
  helm: {},
  'cert-manager': {
    rename: {
      controller: 'cert-manager-controller',
      cainjector: 'cert-manager-cainjector',
      webhook: 'cert-manager-webhook',
    },
  },
  'metrics-server': {},
  'prometheus-operator': { rename: { operator: 'prometheus-operator' } },
  // Of its ways to find targets only the one in a cluster.
  prometheus: { tags: ['remove_all_sd', 'enable_kubernetes_sd'] },
  keda: { rename: { operator: 'keda-operator', adapter: 'keda-adapter' } },
} satisfies Record<string, Partial<GoBuild>>;

export type ModuleName = keyof typeof modules;

export const moduleNames = Object.keys(modules) as ModuleName[];

/** What a node needs; the others are for tests. */
export const nodeModules: ModuleName[] = ['containerd', 'runc', 'cni-plugins', 'coredns'];

export function programFolder(env: NodeJS.ProcessEnv = process.env): string {
  return join(dirname(cacheFolder(env)), 'cluster');
}

/** The path of a program that `ensureModules` built. */
export const programPath = (name: string) => join(programFolder(), name);

/** Builds what is not built yet. */
export async function ensureModules(names: ModuleName[], log: (line: string) => void): Promise<void> {
  for (const name of names) {
    const folder = join(import.meta.dirname, 'modules', name);
    await buildGoModule({ ...modules[name], folder, out: programFolder(), log });
  }
}

export interface Programs {
  /** The folder with what `ensureModules` built: the CNI plugins and containerd's shim are looked for in it. */
  bin: string;
  binaries: Binaries;
  containerd: string;
  ctr: string;
  runc: string;
  coredns: string;
  kubelet: string;
  proxy: string;
  scheduler: string;
}

/** What is built. @throws Error that says what to do when something is not */
export async function findPrograms(): Promise<Programs> {
  const binaries = await findBinaries();
  if ('missing' in binaries) throw new Error(explainNotFound(binaries));
  const own = (name: string) => {
    const path = programPath(name);
    if (!existsSync(path)) throw new Error(`${path} is not there: \`npm run cluster -- up\` builds it`);
    return path;
  };
  return {
    bin: programFolder(),
    binaries,
    containerd: own('containerd'),
    ctr: own('ctr'),
    runc: own('runc'),
    coredns: own('coredns'),
    kubelet: nodeProgram(binaries, 'kubelet'),
    proxy: nodeProgram(binaries, 'kube-proxy'),
    scheduler: nodeProgram(binaries, 'kube-scheduler'),
  };
}

/** Kubernetes' programs of a node lie beside those of its control plane. */
function nodeProgram(binaries: Binaries, name: 'kubelet' | 'kube-proxy' | 'kube-scheduler'): string {
  const path = join(binaries.dir, name);
  if (!existsSync(path)) {
    throw new Error(
      `${binaries.dir} has no ${name}: a cluster needs what \`npm run control-plane -- build\` makes`,
    );
  }
  return path;
}
