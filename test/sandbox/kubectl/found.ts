// Which kubectls this machine has: the one on the PATH and the one built with the control plane.

import { spawnSync } from 'node:child_process';
import { findBinaries } from '../../control-plane/index.ts';
import { minorOf } from './play.ts';

export interface Kubectl {
  kubectl: string;
  minor: number;
}

export async function kubectls(): Promise<Kubectl[]> {
  const binaries = await findBinaries();
  const paths = ['kubectl', ...('kubectl' in binaries && binaries.kubectl ? [binaries.kubectl] : [])];
  const found = paths.filter((file) => !spawnSync(file, ['version', '--client']).error);
  return found.map((kubectl) => ({ kubectl, minor: minorOf(kubectl) }));
}
