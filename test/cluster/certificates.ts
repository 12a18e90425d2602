// Certificates and kubeconfigs of a node's programs, from the CA of the control plane.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { kubeconfigText } from '../control-plane/kubeconfig.ts';
import { ensurePki, issue, type KeyPair, pkiFiles, type Subject } from '../control-plane/pki.ts';
import type { Addresses } from './addresses.ts';
import { clusterDomain, controlPlanePorts, nodeName } from './configuration.ts';
import { layoutOf } from './state.ts';

export interface NodeFiles {
  /** PEM */
  ca: string;
  caFile: string;
  serviceAccountKey: string;
  /** Path of the kubeconfig of `kubelet`, `scheduler`, `proxy`. */
  kubeconfig: (name: string) => string;
}

/** Makes what the control plane does not make for itself, and the administrator's kubeconfig for this machine. */
export async function makeCertificates(dir: string, addresses: Addresses): Promise<NodeFiles> {
  const layout = layoutOf(dir);
  const controlPlanePki = join(layout.controlPlane, 'pki');
  const { ca, admin } = await ensurePki(controlPlanePki, addresses.kubernetes);
  mkdirSync(layout.pki, { recursive: true, mode: 0o700 });
  const make = async (name: string, subject: Subject, issuer?: KeyPair) => {
    const pair = await issue(subject, issuer);
    writePair(layout.pki, name, pair);
    return pair;
  };
  const kubernetes = ['kubernetes', 'kubernetes.default', 'kubernetes.default.svc'];
  const reached = ['127.0.0.1', 'localhost', addresses.node, addresses.link.cluster, addresses.kubernetes];
  const names = [...reached, ...kubernetes, `kubernetes.default.svc.${clusterDomain}`];
  const server: Subject = { commonName: 'kube-apiserver', names, usage: 'server' };
  const kubeletServer: Subject = { commonName: nodeName, names: [nodeName, addresses.node], usage: 'server' };
  const client = (commonName: string, organization?: string): Subject => ({
    commonName,
    usage: 'client',
    ...(organization && { organization }),
  });
  const frontProxy = make('front-proxy-ca', { commonName: 'front-proxy-ca', usage: 'ca' });
  const [kubelet, scheduler, proxy] = await Promise.all([
    make('kubelet', client(`system:node:${nodeName}`, 'system:nodes'), ca),
    make('scheduler', client('system:kube-scheduler'), ca),
    make('proxy', client('system:kube-proxy'), ca),
    make('apiserver', server, ca),
    make('kubelet-serving', kubeletServer, ca),
    // The kubelet asks the API server what this user may do; this group may do everything.
    make('apiserver-kubelet', client('kube-apiserver-kubelet-client', 'system:masters'), ca),
    frontProxy.then((issuer) => make('front-proxy', client('front-proxy-client'), issuer)),
  ]);

  const path = (name: string) => join(layout.pki, `${name}.kubeconfig`);
  const inside = `https://127.0.0.1:${controlPlanePorts.apiserver}`;
  for (const [name, pair] of Object.entries({ kubelet, scheduler, proxy })) {
    writeFileSync(path(name), kubeconfigText(inside, ca.cert, name, pair), { mode: 0o600 });
  }
  const outside = `https://${addresses.link.cluster}:${controlPlanePorts.apiserver}`;
  writeFileSync(layout.kubeconfig, kubeconfigText(outside, ca.cert, 'admin', admin), { mode: 0o600 });
  const files = pkiFiles(controlPlanePki);
  return {
    ca: ca.cert,
    caFile: files.ca.cert,
    serviceAccountKey: files.serviceAccount.key,
    kubeconfig: path,
  };
}

function writePair(dir: string, name: string, { cert, key }: KeyPair): void {
  writeFileSync(join(dir, `${name}.crt`), cert, { mode: 0o600 });
  writeFileSync(join(dir, `${name}.key`), key, { mode: 0o600 });
}

/** The administrator's credentials, for this machine. */
export function adminOf(dir: string): { ca: string; admin: KeyPair } | undefined {
  const { ca, admin } = pkiFiles(join(layoutOf(dir).controlPlane, 'pki'));
  if (!existsSync(admin.key)) return undefined;
  const read = (file: string) => readFileSync(file, 'utf8');
  return { ca: read(ca.cert), admin: { cert: read(admin.cert), key: read(admin.key) } };
}
