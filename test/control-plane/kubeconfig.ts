// kubeconfig files: who talks to the API server, and as whom.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';

export type Credentials = { token: string } | { cert: string; key: string };

/** @param ca PEM; the result holds everything in itself and names no other file */
export function kubeconfigText(server: string, ca: string, user: string, as: Credentials): string {
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  const name = 'spikegate-control-plane';
  const credentials =
    'token' in as
      ? { token: as.token }
      : { 'client-certificate-data': base64(as.cert), 'client-key-data': base64(as.key) };
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name, cluster: { server, 'certificate-authority-data': base64(ca) } }],
    users: [{ name: user, user: credentials }],
    contexts: [{ name, context: { cluster: name, user, namespace: 'default' } }],
    'current-context': name,
  });
}

/**
 * Writes a kubeconfig for a static test user, or for any token (a service account's), and returns its path.
 * @throws Error naming the users there are, when `user` is none of them
 */
export function kubeconfigFor(
  controlPlane: { dir: string; server: string; ca: string; tokens: Record<string, string> },
  as: { user: string } | { token: string; user?: string },
): string {
  const token = 'token' in as ? as.token : controlPlane.tokens[as.user];
  if (!token) {
    const known = Object.keys(controlPlane.tokens).join(', ');
    throw new Error(`user must be one of ${known}; got ${as.user}`);
  }
  const user = as.user ?? 'token';
  const path = join(controlPlane.dir, `kubeconfig-${user.replaceAll(/[^\w.-]/g, '_')}`);
  writeFileSync(path, kubeconfigText(controlPlane.server, controlPlane.ca, user, { token }), { mode: 0o600 });
  return path;
}
