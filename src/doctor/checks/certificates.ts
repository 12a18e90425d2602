// Checks the serving certificate, and the CAs that the API server trusts for it.
import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { rootCertificates } from 'node:tls';
import { pemBlocks } from '../../../certs/pair.ts';
import type { Check, Finding } from '../findings.ts';
import { type Observation, valueIn, type WebhookEntry } from '../observation.ts';
import { entriesOf } from '../webhook-entries.ts';

/** serve renews a certificate when a third of its lifetime is left. Below this share the renewal is overdue. */
const overdueShare = 1 / 6;

export const certificateIsValid: Check = {
  name: 'the serving certificate is valid, for the right names, and renewed in time',
  run(seen) {
    const { served, now } = seen;
    if ('unreadable' in served) return [{ unchecked: `serving certificate: ${served.unreadable}` }];
    const [leaf] = chainOf(seen);
    if (!leaf) return [{ unchecked: 'serving certificate: there is none' }];
    const { host, from } = valueIn(served)!;
    const where = `certificate of ${from}`;
    const remedy = renewCommand(seen);
    const [start, end] = [leaf.validFromDate.getTime(), leaf.validToDate.getTime()];
    const found: Finding[] = [];
    if (now >= end || now < start) {
      const what = `it is valid from ${iso(start)} to ${iso(end)}, and it is ${iso(now)}`;
      found.push({ severity: 'error', reason: 'CertificateExpired', where, what, remedy });
    } else if (end - now < (end - start) * overdueShare) {
      const what = `it ends at ${iso(end)}, in ${inWords(end - now)}, and has not been renewed`;
      found.push({ severity: 'warning', reason: 'CertificateExpiring', where, what, remedy });
    }
    if (!(isIP(host) ? leaf.checkIP(host) : leaf.checkHost(host))) {
      const what = `the API server calls ${host}, it is for ${leaf.subjectAltName ?? 'no name'}`;
      found.push({ severity: 'error', reason: 'CertificateNameWrong', where, what, remedy });
    }
    return found;
  },
};

export const bundleMatches: Check = {
  name: 'every webhook trusts the CA that signed what is served',
  run(seen) {
    const entries = entriesOf(seen);
    if (entries.length === 0) return [];
    const remedy = republishCommand(seen);
    const chain = chainOf(seen);
    const found: Finding[] = [];
    const without = entries.filter(({ clientConfig }) => !clientConfig.caBundle);
    const isPublic = chain.length > 0 && isSignedBy(chain, rootCertificates.map(parse));
    if (without.length > 0 && !isPublic) {
      const what = 'it has no caBundle, so the API server trusts public CAs only';
      found.push({ severity: 'error', reason: 'CaBundleMissing', where: namesOf(without), what, remedy });
    }
    const byBundle = Map.groupBy(
      entries.filter(({ clientConfig }) => clientConfig.caBundle),
      ({ clientConfig }) => clientConfig.caBundle!,
    );
    const wrong = [...byBundle].filter(
      ([bundle]) => chain.length > 0 && !isSignedBy(chain, certificatesOf(bundle)),
    );
    if (wrong.length > 0) {
      const what = `its caBundle does not vouch for what ${valueIn(seen.served)?.from} serves (issuer ${issuerOf(chain)})`;
      const where = namesOf(wrong.flatMap(([, entries]) => entries));
      found.push({ severity: 'error', reason: 'CaBundleWrong', where, what, remedy });
    } else if (byBundle.size > 1) {
      const where = namesOf([...byBundle.values()].map(([first]) => first!));
      const what = `the webhooks trust ${byBundle.size} different bundles`;
      found.push({ severity: 'warning', reason: 'CaBundlesDiffer', where, what, remedy });
    }
    return found;
  },
};

function chainOf({ served }: Observation): X509Certificate[] {
  return (valueIn(served)?.chain ?? []).map(parse);
}

const parse = (pem: string): X509Certificate => new X509Certificate(pem);

/** Leaves out certificates that do not parse, because nothing can be verified with them. */
function certificatesOf(bundle: string): X509Certificate[] {
  return pemBlocks(Buffer.from(bundle, 'base64').toString()).flatMap((pem) => {
    try {
      return [parse(pem)];
    } catch {
      return [];
    }
  });
}

/** Whether a chain of issuers leads from the leaf to a trusted certificate. `others` came with the leaf. */
function isSignedBy([leaf, ...others]: X509Certificate[], trusted: X509Certificate[]): boolean {
  let [next, unused] = [leaf, others];
  while (next) {
    const current: X509Certificate = next;
    if (trusted.some((ca) => ca.fingerprint256 === current.fingerprint256 || issued(ca, current)))
      return true;
    next = unused.find((ca) => issued(ca, current));
    unused = unused.filter((it) => it !== next);
  }
  return false;
}

const issued = (ca: X509Certificate, certificate: X509Certificate): boolean =>
  certificate.checkIssued(ca) && certificate.verify(ca.publicKey);

const issuerOf = ([leaf]: X509Certificate[]): string => (leaf?.issuer ?? '').replaceAll('\n', ', ');

function namesOf(entries: readonly WebhookEntry[]): string {
  const names = entries.map(({ name }) => name);
  const more = names.length > 2 ? ` and ${names.length - 2} more` : '';
  return `webhook ${names.slice(0, 2).join(', ')}${more}`;
}

const iso = (ms: number): string => new Date(ms).toISOString().replace('.000Z', 'Z');

function inWords(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 120) return `${minutes} minutes`;
  return minutes < 2 * 24 * 60
    ? `${Math.floor(minutes / 60)} hours`
    : `${Math.floor(minutes / 60 / 24)} days`;
}

function renewCommand({ expected: { namespace, certSecret } }: Observation): string {
  return (
    `kubectl -n ${namespace} delete secret ${certSecret}   # serve makes a new one within a minute; ` +
    `with cert-manager: kubectl -n ${namespace} describe certificates`
  );
}

function republishCommand({ expected: { namespace } }: Observation): string {
  return (
    `kubectl -n ${namespace} rollout restart deployment -l app.kubernetes.io/part-of=spikegate   # serve publishes its ` +
    `CA when it starts; with cert-manager: kubectl -n cert-manager logs deploy/cert-manager-cainjector`
  );
}
