// The command lines of the three servers. Pure. Every supported version of Kubernetes takes every flag here.

import type { pkiFiles } from './pki.ts';

export interface Ports {
  apiserver: number;
  etcd: number;
  controllerManager: number;
}

const serviceRange = '10.96.0.0/16';
/** The first address of the range: the API server gives it to the service `kubernetes`. */
export const kubernetesServiceIp = '10.96.0.1';

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
    // Otherwise the server looks for a default route, and fails on a machine that has none.
    '--advertise-address=127.0.0.1',
    // An EndpointSlice may not hold a loopback address: the other reconcilers log an error every ten seconds.
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
    // Without the controllers no namespace gets its service account, and the plugin refuses every Pod.
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
