// Reads certificates and keys from PEM and says what is wrong with them. Pure: no files, no Kubernetes, no clock.

import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { isIPv6 } from 'node:net';
import { createSecureContext } from 'node:tls';

/** A serving certificate with its key. They have been checked to belong together. */
export interface ServingPair {
  /** PEM: the leaf first, then its intermediates if there are any. */
  readonly cert: string;
  /** PEM, not encrypted. */
  readonly key: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** Hexadecimal, as X.509 writes it. */
  readonly serial: string;
}

/**
 * Parses a pair that a TLS server can serve.
 * @throws Error that says what must hold, when the certificate or the key does not parse, or they do not belong
 * together
 */
export function parsePair(cert: string, key: string): ServingPair {
  const leaf = parseCertificate(cert, 'tls.crt');
  const privateKey = parseKey(key, 'tls.key');
  if (!leaf.checkPrivateKey(privateKey)) {
    throw new Error('tls.key must be the key of the first certificate in tls.crt: they do not match');
  }
  // Fail here on whatever setSecureContext would refuse later: a broken intermediate, a key that is too short.
  createSecureContext({ cert, key });
  return {
    cert,
    key,
    notBefore: leaf.validFromDate,
    notAfter: leaf.validToDate,
    serial: leaf.serialNumber,
  };
}

/** The first certificate of a PEM text. @param what Where the text came from (a file, a field), for the message. */
export function parseCertificate(pem: string, what: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (error) {
    throw new Error(`${what} must be a PEM certificate: ${messageOf(error)}`);
  }
}

/**
 * Expiry time of the issuer of the first certificate in `chain`, in seconds since the epoch. Looks for the issuer in the
 * rest of the chain and in `authorities` (both PEM). 0 when it is in neither.
 */
export function issuerExpiry(chain: string, authorities: string): number {
  const [first, ...rest] = pemBlocks(chain);
  if (!first) return 0;
  const leaf = parseCertificate(first, 'tls.crt');
  for (const block of [...rest, ...pemBlocks(authorities)]) {
    // Skip a block that cannot be parsed: it cannot be the signer.
    const signer = attempt(() => new X509Certificate(block));
    if (signer && leaf.checkIssued(signer) && leaf.verify(signer.publicKey)) {
      return signer.validToDate.getTime() / 1000;
    }
  }
  return 0;
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

export function parseKey(pem: string, what: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (error) {
    // OpenSSL's message contains nothing of the key.
    throw new Error(`${what} must be an unencrypted PEM private key: ${messageOf(error)}`);
  }
}

/** The PEM blocks of a text, each with its BEGIN and END lines. Skips text between blocks. */
export function pemBlocks(text: string): string[] {
  const blocks = text.match(/-----BEGIN ([A-Z0-9 ]+)-----[^-]*-----END \1-----/g) ?? [];
  return blocks.map((block) => `${block}\n`);
}

/** The DNS names and IP addresses of a certificate, in the spelling of `canonicalName`. */
export function namesOf(certificate: X509Certificate): string[] {
  const entries = certificate.subjectAltName?.split(', ') ?? [];
  return entries.flatMap((entry) => {
    const [, name] = /^(?:DNS|IP Address):(.+)$/.exec(entry) ?? [];
    return name ? [canonicalName(name)] : [];
  });
}

/** One spelling for each name, so that names can be compared: OpenSSL prints ::1 as 0:0:0:0:0:0:0:1. */
export function canonicalName(name: string): string {
  if (!isIPv6(name)) return name.toLowerCase();
  return new URL(`http://[${name}]`).hostname.slice(1, -1);
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
