// The sandbox's own certificates: a CA, the serving certificate, and the admin's client certificate in a
// kubeconfig. It makes them once and stores them in the sandbox's folder. Knows nothing of the API.

import { generateKeyPair, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import forge from 'node-forge';
import { stringify } from 'yaml';
import { seal } from '../../certs/authority.ts';

export interface Pki {
  ca: string;
  cert: string;
  key: string;
  adminCert: string;
  adminKey: string;
  /** The client certificate with which the sandbox calls webhooks. */
  webhookCert: string;
  webhookKey: string;
  /** The key that signs service account tokens. */
  tokenSecret: string;
}

const validDays = 365 * 5;

/** The common name of the certificate with which the sandbox calls webhooks. */
export const webhookCaller = 'kube-apiserver-webhook-client';

interface Leaf {
  cn: string;
  organization?: string;
  /** DNS names and addresses of a server. Absent for a client certificate. */
  hosts?: string[];
}

const generate = promisify(generateKeyPair);

/** A public and a private key, each as PEM. */
type KeyPair = Record<'publicKey' | 'privateKey', string>;

/** OpenSSL generates keys on its own threads, so several at once, and far faster than JavaScript. */
const keys = (): Promise<KeyPair> =>
  generate('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
  });

function unsigned(
  now: number,
  subject: forge.pki.CertificateField[],
  publicKey: string,
): forge.pki.Certificate {
  const cert = forge.pki.createCertificate();
  cert.publicKey = forge.pki.publicKeyFromPem(publicKey);
  // With a first byte of 01 the number is positive and has the shortest encoding, which DER requires.
  cert.serialNumber = `01${randomBytes(15).toString('hex')}`;
  cert.validity.notBefore = new Date(now - 3_600_000);
  cert.validity.notAfter = new Date(now + validDays * 86_400_000);
  cert.setSubject(subject);
  return cert;
}

function authority(now: number, pair: KeyPair) {
  const subject = [{ name: 'commonName', value: 'spikegate-sandbox-ca' }];
  const cert = unsigned(now, subject, pair.publicKey);
  cert.setIssuer(subject);
  cert.setExtensions([
    { name: 'basicConstraints', cA: true, critical: true },
    { name: 'keyUsage', keyCertSign: true, cRLSign: true, digitalSignature: true, critical: true },
    { name: 'subjectKeyIdentifier' },
  ]);
  return { subject, pem: seal(cert, pair.privateKey), key: pair.privateKey };
}

function leaf(
  ca: ReturnType<typeof authority>,
  pair: KeyPair,
  now: number,
  { cn, organization, hosts }: Leaf,
) {
  const subject = [
    { name: 'commonName', value: cn },
    ...(organization ? [{ name: 'organizationName', value: organization }] : []),
  ];
  const cert = unsigned(now, subject, pair.publicKey);
  cert.setIssuer(ca.subject);
  // The types of RFC 5280: 7 is an IP address, 2 a DNS name.
  const altNames = (hosts ?? []).map((host) =>
    /^[\d.]+$|:/.test(host) ? { type: 7, ip: host } : { type: 2, value: host },
  );
  cert.setExtensions([
    { name: 'basicConstraints', cA: false },
    { name: 'keyUsage', digitalSignature: true, keyEncipherment: true, critical: true },
    { name: 'extKeyUsage', ...(hosts ? { serverAuth: true } : { clientAuth: true }) },
    ...(hosts ? [{ name: 'subjectAltName', altNames }] : []),
  ]);
  return { cert: seal(cert, ca.key), key: pair.privateKey };
}

async function issue(now: number, host: string): Promise<Pki> {
  const [caKeys, servingKeys, adminKeys, webhookKeys] = await Promise.all([keys(), keys(), keys(), keys()]);
  const ca = authority(now, caKeys);
  const hosts = [
    ...new Set([
      host,
      '127.0.0.1',
      '::1',
      'localhost',
      'kubernetes',
      'kubernetes.default',
      'kubernetes.default.svc',
    ]),
  ];
  // 0.0.0.0 means that the sandbox listens on all addresses. No client connects to it.
  const serving = leaf(ca, servingKeys, now, {
    cn: 'kube-apiserver',
    hosts: hosts.filter((h) => h !== '0.0.0.0'),
  });
  const admin = leaf(ca, adminKeys, now, { cn: 'kubernetes-admin', organization: 'system:masters' });
  const webhook = leaf(ca, webhookKeys, now, { cn: webhookCaller });
  return {
    ca: ca.pem,
    cert: serving.cert,
    key: serving.key,
    adminCert: admin.cert,
    adminKey: admin.key,
    webhookCert: webhook.cert,
    webhookKey: webhook.key,
    tokenSecret: randomBytes(32).toString('base64'),
  };
}

/** Reads the certificates from `dir`, or makes new ones. Without `dir` they stay in memory. */
export async function loadPki(dir: string | undefined, host: string, now: number): Promise<Pki> {
  const file = dir === undefined ? undefined : path.join(dir, 'pki.json');
  if (file && existsSync(file)) {
    const kept = JSON.parse(readFileSync(file, 'utf8')) as Pki & { host: string; made: number };
    // A folder of an older version has no certificate for webhooks.
    const isUsable = kept.webhookCert !== undefined && kept.host === host;
    // In their last 30 days the certificates are replaced.
    if (isUsable && now - kept.made < (validDays - 30) * 86_400_000) return kept;
  }
  const fresh = await issue(now, host);
  if (file && dir) {
    mkdirSync(dir, { recursive: true });
    writeFileSync(file, JSON.stringify({ ...fresh, host, made: now }), { mode: 0o600 });
  }
  return fresh;
}

const base64 = (pem: string) => Buffer.from(pem).toString('base64');

export function kubeconfig(pki: Pki, server: string): string {
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'spikegate', cluster: { server, 'certificate-authority-data': base64(pki.ca) } }],
    users: [
      {
        name: 'admin',
        user: { 'client-certificate-data': base64(pki.adminCert), 'client-key-data': base64(pki.adminKey) },
      },
    ],
    contexts: [{ name: 'spikegate', context: { cluster: 'spikegate', user: 'admin', namespace: 'default' } }],
    'current-context': 'spikegate',
  });
}
