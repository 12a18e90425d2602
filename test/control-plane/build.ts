// Builds Kubernetes and etcd from the Go modules that `modules/` pins, into the cache folder: one folder per version.
// They are the programs of a control plane and of a node; the tests on a real node take theirs from here too.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buildGoModule, type Log, versionIn } from '../go-modules/build.ts';
import { GoUnusable } from '../go-modules/toolchain.ts';
import { type Binaries, cacheFolder, findBinaries, versionOf } from './binaries.ts';
import { type Minor, minorOf, newest, released } from './versions.ts';

const modules = join(import.meta.dirname, 'modules');

export interface BuildOptions {
  /** Default: the newest. */
  kubernetes?: Minor;
  log?: Log;
  /** Even when it is there. */
  force?: boolean;
  env?: NodeJS.ProcessEnv;
}

/**
 * Builds into the cache folder what is not there already.
 * @throws Error that says what to do instead where it cannot build, or with the end of Go's output
 */
export async function buildControlPlane(options: BuildOptions = {}): Promise<Binaries> {
  const { kubernetes = newest, log = () => {}, force = false, env = process.env } = options;
  const folder = join(modules, `kubernetes-${kubernetes}`);
  const version = versionIn(await readFile(join(folder, 'go.mod'), 'utf8'), 'k8s.io/kubernetes');
  const out = join(cacheFolder(env), version);
  try {
    const shared = { out, log, force, env };
    await buildGoModule({ ...shared, folder: join(modules, 'etcd'), rename: { server: 'etcd' } });
    await buildGoModule({ ...shared, folder, ldflags: versionFlags(version, released[kubernetes]) });
  } catch (error) {
    if (error instanceof GoUnusable) throw new Error(`${error.message}\n${withoutGo}`, { cause: error });
    throw error;
  }
  const found = await findBinaries({ ...env, KUBEBUILDER_ASSETS: '', SPIKEGATE_KUBERNETES: kubernetes });
  if ('missing' in found) throw new Error(`${out} must hold ${found.missing.join(', ')} after a build`);
  const reported = await versionOf(found.apiserver);
  if (reported !== version) throw new Error(`the built server must report ${version}, reports ${reported}`);
  return found;
}

const withoutGo =
  'Without Go, let setup-envtest fetch etcd, kube-apiserver and kubectl, and set KUBEBUILDER_ASSETS to the folder it ' +
  'prints (add kube-controller-manager of the same version for garbage collection and the like).';

/** Without these the programs report v0.0.0, and clients that ask for the version misjudge it. */
function versionFlags(version: string, buildDate: string): string[] {
  const values = {
    gitVersion: version,
    gitMajor: '1',
    gitMinor: String(minorOf(version)),
    // Built from the modules of a release, not from a git checkout: there is no commit to report.
    gitTreeState: 'archive',
    buildDate,
  };
  return ['k8s.io/component-base/version', 'k8s.io/client-go/pkg/version'].flatMap((pkg) =>
    Object.entries(values).map(([name, value]) => `-X ${pkg}.${name}=${value}`),
  );
}
