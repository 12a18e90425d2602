// The command lines of the three servers. Pure. Every flag here is taken by Kubernetes 1.20 and by today's;
// where the two differ, the version decides.

import type { pkiFiles } from './pki.ts';

export interface Ports {
  apiserver: number;
  etcd: number;
  controllerManager: number;
}

export const serviceRange = '10.96.0.0/16';
/** The first address of the range: the API server gives it to the service `kubernetes`. */
export const kubernetesServiceIp = '10.96.0.1';

/** `v1.20.2` → 20 */
export function minorOf(version: string): number {
  const [, minor] = /^v1\.(\d+)\./.exec(version) ?? [];
  if (!minor) throw new Error(`a Kubernetes version must look like v1.20.2, got ${version}`);
  return Number(minor);
}

export function etcdFlags(options: { dataDir: string; ports: Ports; fsync: boolean }): string[] {
  const client = `http://127.0.0.1:${options.ports.etcd}`;
  return [
    `--data-dir=${options.dataDir}`,
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    // A single member has no peers to listen to; any free port does.
    '--listen-peer-urls=http://127.0.0.1:0',
    ...(options.fsync ? [] : ['--unsafe-no-fsync']),
  ];
}

export interface ServerFlags {
  version: string;
  ports: Ports;
  pki: ReturnType<typeof pkiFiles>;
}

export function apiserverFlags(
  options: ServerFlags & {
    tokenFile: string;
    controllerManager: boolean;
    featureGates?: Record<string, boolean>;
  },
): string[] {
  const { ports, pki } = options;
  const gates = Object.entries(options.featureGates ?? {}).map(([gate, on]) => `${gate}=${on}`);
  return [
    `--etcd-servers=http://127.0.0.1:${ports.etcd}`,
    '--bind-address=127.0.0.1',
    `--secure-port=${ports.apiserver}`,
    // Given, or the server looks for a default route and fails on a machine that has none.
    '--advertise-address=127.0.0.1',
    // Endpoints may not hold a loopback address: the other kinds log an error every ten seconds.
    '--endpoint-reconciler-type=none',
    `--tls-cert-file=${pki.serving.cert}`,
    `--tls-private-key-file=${pki.serving.key}`,
    `--client-ca-file=${pki.ca.cert}`,
    `--token-auth-file=${options.tokenFile}`,
    '--authorization-mode=Node,RBAC',
    `--service-cluster-ip-range=${serviceRange}`,
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${pki.serviceAccount.publicKey}`,
    `--service-account-signing-key-file=${pki.serviceAccount.key}`,
    '--allow-privileged=true',
    // Without the controllers no namespace gets its service account, and no Pod would be let in.
    ...(options.controllerManager ? [] : ['--disable-admission-plugins=ServiceAccount']),
    ...(gates.length ? [`--feature-gates=${gates.join(',')}`] : []),
  ];
}

export function controllerManagerFlags(options: ServerFlags & { kubeconfig: string }): string[] {
  const { ports, pki, kubeconfig } = options;
  return [
    `--kubeconfig=${kubeconfig}`,
    `--authentication-kubeconfig=${kubeconfig}`,
    `--authorization-kubeconfig=${kubeconfig}`,
    '--bind-address=127.0.0.1',
    `--secure-port=${ports.controllerManager}`,
    // The unauthenticated second port went in 1.24; before, it is on, and on all addresses.
    ...(minorOf(options.version) < 24 ? ['--port=0'] : []),
    `--tls-cert-file=${pki.serving.cert}`,
    `--tls-private-key-file=${pki.serving.key}`,
    '--leader-elect=false',
    '--use-service-account-credentials=true',
    `--service-account-private-key-file=${pki.serviceAccount.key}`,
    `--root-ca-file=${pki.ca.cert}`,
    `--cluster-signing-cert-file=${pki.ca.cert}`,
    `--cluster-signing-key-file=${pki.ca.key}`,
  ];
}
