// Issues certificates: CAs and the leaf certificates they sign, X.509 v3 as RFC 5280 requires. Pure: time, random
// bytes and keys are arguments. Does not know when to issue, nor where the result is stored.

import { generateKeyPair, sign } from 'node:crypto';
import { isIP } from 'node:net';
import { promisify } from 'node:util';
import forge from 'node-forge';

/** Makes an RSA key. Resolves to the private key, as PKCS #8 PEM. */
export type KeyMaker = () => Promise<string>;
export type RandomBytes = (count: number) => Uint8Array;

interface Issue {
  /** The certificate's own private key, RSA, PEM. */
  key: string;
  /** Milliseconds since the epoch. */
  now: number;
  /** Milliseconds from `now` to the end; X.509 counts whole seconds. */
  lifetime: number;
  random: RandomBytes;
}

/**
 * The API server's clock may be behind ours, and a certificate that begins in its future fails every admission. So
 * a certificate is back-dated by five minutes, the skew that Kerberos and Kubernetes' own certificates allow for. A
 * certificate with a short life is back-dated by a tenth of its life at most. Five minutes could make it old enough
 * for renewal (two thirds of its life, rotation.ts) from the start.
 */
const longestBackdate = 5 * 60_000;

const generate = promisify(generateKeyPair);

/** OpenSSL makes a key in tens of milliseconds on its own thread. node-forge would take seconds. */
export const rsaKey: KeyMaker = async () => {
  const { privateKey } = await generate('rsa', {
    // node-forge signs with RSA keys only. Every TLS client accepts 2048 bits.
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  return privateKey;
};

/** The names by which the API server, or a person on this machine, calls the Service. */
export function servingNames(service: string, namespace: string, more: string[] = []): string[] {
  const inCluster = `${service}.${namespace}.svc`;
  return [
    // The API server calls {service}.{namespace}.svc. It does not accept the common name instead.
    inCluster,
    service,
    `${service}.${namespace}`,
    `${inCluster}.cluster.local`,
    'localhost',
    '127.0.0.1',
    '::1',
    ...more,
  ];
}

/** A self-signed CA certificate (PEM). It may sign leaf certificates but no further CA. */
export function issueAuthority(issue: Issue): string {
  const cert = draft(issue, issue.now + issue.lifetime);
  // Each CA needs its own name: with two CAs of one name in a bundle, some verifiers try the wrong key and give up.
  const name = [{ name: 'commonName', value: `spikegate-ca-${cert.serialNumber.slice(0, 16)}` }];
  cert.setSubject(name);
  cert.setIssuer(name);
  cert.setExtensions([
    { name: 'basicConstraints', critical: true, cA: true, pathLenConstraint: 0 },
    { name: 'keyUsage', critical: true, keyCertSign: true, cRLSign: true },
    { name: 'subjectKeyIdentifier' },
    { name: 'authorityKeyIdentifier', keyIdentifier: true },
  ]);
  return seal(cert, issue.key);
}

/**
 * A serving certificate (PEM) for `names` (DNS names or IP addresses), signed by `authority`. It ends no later than
 * the authority, whatever `lifetime` says.
 */
export function issueLeaf(
  issue: Issue & { names: string[]; authority: { cert: string; key: string } },
): string {
  const authority = forge.pki.certificateFromPem(issue.authority.cert);
  const { notBefore, notAfter } = authority.validity;
  const cert = draft(issue, Math.min(issue.now + issue.lifetime, notAfter.getTime()));
  if (cert.validity.notBefore < notBefore) cert.validity.notBefore = notBefore;
  cert.setSubject([{ name: 'commonName', value: 'spikegate-admission' }]);
  cert.setIssuer(authority.subject.attributes);
  cert.setExtensions([
    { name: 'basicConstraints', critical: true, cA: false },
    { name: 'keyUsage', critical: true, digitalSignature: true, keyEncipherment: true },
    { name: 'extKeyUsage', serverAuth: true },
    { name: 'subjectKeyIdentifier' },
    {
      name: 'authorityKeyIdentifier',
      keyIdentifier: authority.generateSubjectKeyIdentifier().getBytes(),
    },
    {
      name: 'subjectAltName',
      altNames: issue.names.map((name) => (isIP(name) ? { type: 7, ip: name } : { type: 2, value: name })),
    },
  ]);
  return seal(cert, issue.authority.key);
}

function draft(issue: Issue, notAfter: number): forge.pki.Certificate {
  const cert = forge.pki.createCertificate();
  const key = forge.pki.privateKeyFromPem(issue.key);
  cert.publicKey = forge.pki.setRsaPublicKey(key.n, key.e);
  cert.serialNumber = serial(issue.random);
  const backdate = Math.min(longestBackdate, issue.lifetime / 10);
  cert.validity.notBefore = wholeSecond(issue.now - backdate);
  cert.validity.notAfter = wholeSecond(notAfter);
  return cert;
}

/** 128 bits. The first bit is 0 and the second is 1, so every serial number is positive and has the same length. */
function serial(random: RandomBytes): string {
  const bytes = Buffer.from(random(16));
  bytes[0] = (bytes[0]! & 0x3f) | 0x40;
  return bytes.toString('hex');
}

function wholeSecond(ms: number): Date {
  return new Date(Math.floor(ms / 1000) * 1000);
}

/** Signs a draft with SHA-256 and an RSA key (PEM). Returns PEM. */
export function seal(cert: forge.pki.Certificate, signingKey: string): string {
  // node-forge signs in JavaScript and would block the event loop for 20 ms or more. OpenSSL needs 1 ms.
  const opensslKey = {
    sign() {
      const body = Buffer.from(forge.asn1.toDer(cert.tbsCertificate).getBytes(), 'binary');
      return sign('sha256', body, signingKey).toString('binary');
    },
  };
  cert.sign(opensslKey as unknown as forge.pki.rsa.PrivateKey, forge.md.sha256.create());
  // Line ends are LF, because kubectl and YAML show CRLF as noise.
  return forge.pki.certificateToPem(cert).replaceAll('\r', '');
}
