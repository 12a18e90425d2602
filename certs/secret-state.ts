// Converts the state of rotation to the data of one Kubernetes Secret, and back. Pure. Knows the Secret's keys and
// what to do with content that does not parse; knows no client, no clock, and no policy.
//
//   tls.crt, tls.key  the leaf, under the keys of a Secret of type kubernetes.io/tls
//   ca.crt            the bundle: every CA that clients must trust, oldest first
//   ca.key            the keys of the CAs that sign now or will sign later
//   ca.published      JSON: a CA's SHA-256 fingerprint → when its publication was confirmed

import { type KeyObject, X509Certificate } from 'node:crypto';
import { messageOf, namesOf, parseCertificate, parseKey, parsePair, pemBlocks } from './pair.ts';
import { type Authority, authorityOf, type Leaf, type RotationState } from './rotation.ts';

export type SecretData = Record<string, string>;

export interface ParsedSecret extends RotationState {
  /** One sentence for each part that could not be read. Empty when all parts are valid. */
  readonly problems: readonly string[];
}

/** The state without the parts that do not parse. `problems` describes those, and the policies replace them. */
export function parseSecret(data: SecretData): ParsedSecret {
  const problems: string[] = [];
  const attempt = <T>(read: () => T): T | undefined => {
    try {
      return read();
    } catch (error) {
      problems.push(messageOf(error));
      return undefined;
    }
  };
  const keys = parsedBlocks(data, 'ca.key', problems, parseSigningKey);
  const published = attempt(() => parsePublished(data['ca.published'])) ?? {};
  const certificates = parsedBlocks(data, 'ca.crt', problems, parseAuthority);
  const authorities = certificates.map(({ pem, certificate }) => {
    const key = keys.find((one) => certificate.checkPrivateKey(one.key));
    return {
      ...authorityFrom(pem, certificate, key?.pem),
      publishedAt: published[certificate.fingerprint256],
    };
  });
  const hasLeaf = Boolean(data['tls.crt'] || data['tls.key']);
  const leaf = hasLeaf ? attempt(() => parseLeaf(data, certificates)) : undefined;
  if (leaf && !leaf.authority) problems.push('tls.crt must be signed by one of the CAs in ca.crt');
  return { authorities, leaf, problems };
}

export function serializeState({ authorities, leaf }: RotationState): SecretData {
  const published = authorities.flatMap(({ fingerprint, publishedAt }) =>
    publishedAt === undefined ? [] : [[fingerprint, new Date(publishedAt).toISOString()]],
  );
  return {
    // Empty, not absent: a Secret of type kubernetes.io/tls must have both.
    'tls.crt': leaf?.pair.cert ?? '',
    'tls.key': leaf?.pair.key ?? '',
    'ca.crt': bundleOf(authorities),
    'ca.key': authorities.map((authority) => authority.key ?? '').join(''),
    'ca.published': JSON.stringify(Object.fromEntries(published)),
  };
}

/** The PEM text that clients must trust. */
export function bundleOf(authorities: readonly Authority[]): string {
  return authorities.map((authority) => authority.cert).join('');
}

/** The leaf that a replica serves now, and the CA that signed it. */
export interface Serving {
  readonly leaf: Leaf;
  readonly authority: Authority;
}

/**
 * Puts the leaf and the CA that this replica serves back into the state, or returns `state` itself when neither is
 * missing. Somebody may have deleted, emptied or overwritten the Secret. Clients must still trust the certificates in
 * use. The CA returns without its key. The leaf is there, so the policies replace the CA in the slow steps of a
 * rotation. (To force a rotation, delete the Secret or its `ca.key`.)
 */
export function restoreLost(state: RotationState, serving: Serving | undefined, now: number): RotationState {
  if (!serving || serving.authority.notAfter <= now) return state;
  const known = state.authorities.find((one) => one.fingerprint === serving.authority.fingerprint);
  const hasLeaf = state.leaf !== undefined && authorityOf(state.leaf, state) !== undefined;
  // A CA with its key can issue another leaf at once, so it is not necessary to put back only a leaf.
  if (known && (hasLeaf || known.key)) return state;
  return {
    authorities: known ? state.authorities : [{ ...serving.authority, key: undefined }, ...state.authorities],
    leaf: hasLeaf ? state.leaf : serving.leaf,
  };
}

interface ParsedAuthority {
  readonly pem: string;
  readonly certificate: X509Certificate;
}

function authorityFrom(cert: string, certificate: X509Certificate, key: string | undefined): Authority {
  return {
    cert,
    key,
    fingerprint: certificate.fingerprint256,
    notBefore: certificate.validFromDate.getTime(),
    notAfter: certificate.validToDate.getTime(),
  };
}

/** A CA that was just issued. It is not published yet. */
export function newAuthority(cert: string, key: string): Authority {
  return authorityFrom(cert, new X509Certificate(cert), key);
}

function parseLeaf(data: SecretData, authorities: readonly ParsedAuthority[]): Leaf {
  const pair = parsePair(data['tls.crt'] ?? '', data['tls.key'] ?? '');
  const certificate = new X509Certificate(pair.cert);
  const issuer = authorities.find(
    (one) => certificate.checkIssued(one.certificate) && certificate.verify(one.certificate.publicKey),
  );
  return { pair, names: namesOf(certificate), authority: issuer?.certificate.fingerprint256 };
}

function parseAuthority(pem: string, what: string): ParsedAuthority {
  const certificate = parseCertificate(pem, what);
  if (!certificate.ca) throw new Error(`${what} must be a CA certificate, got ${certificate.subject}`);
  return { pem, certificate };
}

function parseSigningKey(pem: string, what: string): { pem: string; key: KeyObject } {
  const key = parseKey(pem, what);
  // node-forge signs with RSA keys only. A CA with another key stays trusted, and a new CA signs instead.
  if (key.asymmetricKeyType !== 'rsa') throw new Error(`${what} must be RSA, got ${key.asymmetricKeyType}`);
  return { pem, key };
}

function parsedBlocks<T>(
  data: SecretData,
  field: string,
  problems: string[],
  parse: (pem: string, what: string) => T,
): T[] {
  const text = data[field] ?? '';
  const blocks = pemBlocks(text);
  if (blocks.length === 0 && text.trim()) problems.push(`${field} must be PEM, and has no PEM block`);
  return blocks.flatMap((pem, index) => {
    try {
      return [parse(pem, `${field}, block ${index + 1},`)];
    } catch (error) {
      problems.push(messageOf(error));
      return [];
    }
  });
}

function parsePublished(text: string | undefined): Record<string, number> {
  if (!text) return {};
  let entries: unknown;
  try {
    entries = JSON.parse(text);
  } catch (error) {
    throw new Error(`ca.published must be JSON: ${messageOf(error)}`);
  }
  const times = Object.entries(entries ?? {}).map(([fingerprint, time]) => [fingerprint, Date.parse(time)]);
  return Object.fromEntries(times.filter(([, time]) => Number.isFinite(time)));
}
