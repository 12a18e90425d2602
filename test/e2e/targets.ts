// Where the scenarios run: the same ones on the sandbox, on a real control plane, or on the user's cluster.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deployment } from '../../src/manifests/names.ts';
import { startSandbox } from '../../src/sandbox/index.ts';
import {
  type ControlPlane,
  explainNotFound,
  findBinaries,
  kubeconfigFor,
  type StartOptions,
  startControlPlane,
} from '../control-plane/index.ts';

export const targetNames = ['sandbox', 'control-plane', 'current'] as const;
export type TargetName = (typeof targetNames)[number];

export interface Target {
  name: TargetName;
  /** undefined: the current context of the user's own kubeconfig. */
  kubeconfig: string | undefined;
  /** That of `serve`, where it is not the administrator's: its service account's rights. */
  serveAs?: string;
  /** Flags of `serve` with which only this API server can call it. */
  callers?: readonly string[];
  /** A kubectl that is known to work with it; else the one on the PATH is looked for. */
  kubectl?: string;
  stop(): Promise<void>;
}

/** Opens a target, or says why it cannot be had here. */
export async function openTarget(name: TargetName): Promise<Target | { skip: string }> {
  if (name === 'current') return { name, kubeconfig: process.env.KUBECONFIG, stop: async () => {} };
  if (name === 'sandbox') return sandbox();
  const found = await findBinaries();
  if ('missing' in found) return { skip: explainNotFound(found) };
  return controlPlane();
}

/** `serve` has its service account's name, and so exactly the rights that our RBAC gives it. */
export async function controlPlane(
  extraArgs: StartOptions['extraArgs'] = {},
): Promise<Target & { plane: ControlPlane }> {
  const { namespace, serviceAccount } = deployment;
  const user = `system:serviceaccount:${namespace}:${serviceAccount}`;
  const groups = ['system:serviceaccounts', `system:serviceaccounts:${namespace}`];
  const plane = await startControlPlane({ users: [{ name: user, groups }], extraArgs });
  return {
    plane,
    name: 'control-plane',
    kubeconfig: plane.kubeconfig,
    serveAs: kubeconfigFor(plane, { user }),
    ...(plane.binaries.kubectl ? { kubectl: plane.binaries.kubectl } : {}),
    stop: () => plane.stop(),
  };
}

async function sandbox(): Promise<Target> {
  const dir = await mkdtemp(join(tmpdir(), 'spikegate-e2e-'));
  const running = await startSandbox({ dir });
  return {
    name: 'sandbox',
    kubeconfig: running.kubeconfig,
    callers: ['--client-ca-file', running.webhookClient.caFile, '--client-names', running.webhookClient.name],
    async stop() {
      await running.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}
