// The certificates and keys of one control plane. Kept apart from ../../certs on purpose: what a test
// relies on must not be what it tests.

import { generateKeyPair, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import forge from 'node-forge';
import { systemClock } from '../../src/runtime/clock.ts';

export interface KeyPair {
  cert: string;
  key: string;
}

/** Everything in PEM. */
export interface Pki {
  ca: KeyPair;
  serving: KeyPair;
  admin: KeyPair;
  controllerManager: KeyPair;
  serviceAccount: { publicKey: string; key: string };
}

const dayMs = 24 * 3_600_000;
// A kept control plane must not stop working while nobody looks.
const lifetimeMs = 3650 * dayMs;

const generate = promisify(generateKeyPair);

// node-forge takes seconds for what OpenSSL does in tens of milliseconds.
async function rsaKeys(): Promise<{ publicKey: string; privateKey: string }> {
  return generate('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
}

export interface Subject {
  commonName: string;
  organization?: string;
  names?: string[];
  usage: 'ca' | 'server' | 'client';
}

/** Signed by `issuer`, or by itself. */
export async function issue(subject: Subject, issuer?: KeyPair): Promise<KeyPair> {
  const { publicKey, privateKey } = await rsaKeys();
  const cert = forge.pki.createCertificate();
  cert.publicKey = forge.pki.publicKeyFromPem(publicKey);
  // A leading 01 keeps the number positive and in its shortest form, as X.509 demands.
  cert.serialNumber = `01${randomBytes(16).toString('hex')}`;
  const now = systemClock.now();
  cert.validity.notBefore = new Date(now - dayMs);
  cert.validity.notAfter = new Date(now + lifetimeMs);
  const name = [{ name: 'commonName', value: subject.commonName }];
  if (subject.organization) name.push({ name: 'organizationName', value: subject.organization });
  cert.setSubject(name);
  cert.setIssuer(issuer ? forge.pki.certificateFromPem(issuer.cert).subject.attributes : name);
  cert.setExtensions(extensionsOf(subject));
  const signingKey = forge.pki.privateKeyFromPem(issuer ? issuer.key : privateKey);
  cert.sign(signingKey, forge.md.sha256.create());
  return { cert: forge.pki.certificateToPem(cert), key: privateKey };
}

function extensionsOf({ usage, names = [] }: Subject): object[] {
  if (usage === 'ca') {
    return [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, digitalSignature: true, critical: true },
      { name: 'subjectKeyIdentifier' },
    ];
  }
  const altNames = names.map((name) => (isIP(name) ? { type: 7, ip: name } : { type: 2, value: name }));
  return [
    { name: 'basicConstraints', cA: false, critical: true },
    { name: 'keyUsage', digitalSignature: true, keyEncipherment: true, critical: true },
    { name: 'extKeyUsage', [usage === 'server' ? 'serverAuth' : 'clientAuth']: true },
    ...(altNames.length ? [{ name: 'subjectAltName', altNames }] : []),
  ];
}

/** @param serviceIp the address of the service `kubernetes`, the first of the service range */
async function makePki(serviceIp: string): Promise<Pki> {
  const ca = await issue({ commonName: 'control-plane-ca', usage: 'ca' });
  const inCluster = ['kubernetes', 'kubernetes.default', 'kubernetes.default.svc'];
  const names = ['127.0.0.1', 'localhost', serviceIp, ...inCluster, 'kubernetes.default.svc.cluster.local'];
  const [serving, admin, controllerManager, serviceAccount] = await Promise.all([
    issue({ commonName: 'kube-apiserver', names, usage: 'server' }, ca),
    // This group passes every authorizer, so an administrator is there before any RBAC rule is.
    issue({ commonName: 'admin', organization: 'system:masters', usage: 'client' }, ca),
    // The bootstrap RBAC rules are bound to this user name.
    issue({ commonName: 'system:kube-controller-manager', usage: 'client' }, ca),
    rsaKeys(),
  ]);
  return {
    ca,
    serving,
    admin,
    controllerManager,
    serviceAccount: { publicKey: serviceAccount.publicKey, key: serviceAccount.privateKey },
  };
}

export function pkiFiles(dir: string): Record<
  'ca' | 'serving' | 'admin' | 'controllerManager',
  { cert: string; key: string }
> & {
  serviceAccount: { publicKey: string; key: string };
} {
  const pair = (name: string) => ({ cert: join(dir, `${name}.crt`), key: join(dir, `${name}.key`) });
  return {
    ca: pair('ca'),
    serving: pair('apiserver'),
    admin: pair('admin'),
    controllerManager: pair('controller-manager'),
    serviceAccount: { publicKey: join(dir, 'service-account.pub'), key: join(dir, 'service-account.key') },
  };
}

/** The PKI kept in `dir`; made and written there first when there is none. */
export async function ensurePki(dir: string, serviceIp: string): Promise<Pki> {
  const paths = Object.entries(pkiFiles(dir)) as [keyof Pki, Record<string, string>][];
  if (paths.some(([, files]) => Object.values(files).some((file) => !existsSync(file)))) {
    const made = await makePki(serviceIp);
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    for (const [part, files] of paths) {
      const contents = made[part] as unknown as Record<string, string>;
      for (const [field, file] of Object.entries(files)) {
        writeFileSync(file, contents[field] as string, { mode: 0o600 });
      }
    }
  }
  const read = paths.map(([part, files]) => [
    part,
    Object.fromEntries(Object.entries(files).map(([field, file]) => [field, readFileSync(file, 'utf8')])),
  ]);
  return Object.fromEntries(read) as Pki;
}
