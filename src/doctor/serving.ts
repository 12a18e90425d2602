// Gets the serving certificate of the webhooks: from the server's own port, or from the Secret.
import { isIP } from 'node:net';
import { connect, type DetailedPeerCertificate } from 'node:tls';
import { pemBlocks } from '../../certs/pair.ts';
import { type Seen, type ServedCertificate, valueIn, type WebhookEntry } from './observation.ts';

/** Resolves to the certificates that a TLS server sends: PEM, leaf first. Rejects when no TLS server answers. */
export type Dial = (host: string, port: number) => Promise<string[]>;

const dialTimeoutMs = 3000;

export const dialTls: Dial = (host, port) =>
  new Promise((resolve, reject) => {
    // Accept any certificate here. The checks verify it later.
    const name = isIP(host) ? {} : { servername: host };
    const socket = connect({ host, port, ...name, rejectUnauthorized: false, timeout: dialTimeoutMs });
    const fail = (error: Error) => {
      socket.destroy();
      reject(error);
    };
    socket.once('error', fail);
    socket.once('timeout', () => fail(new Error(`no answer within ${dialTimeoutMs} ms`)));
    socket.once('secureConnect', () => {
      const chain = chainOf(socket.getPeerCertificate(true));
      socket.destroy();
      resolve(chain);
    });
  });

function chainOf(leaf: DetailedPeerCertificate): string[] {
  const chain: string[] = [];
  const seen = new Set<string>();
  // A self-signed certificate is its own issuer, so `seen` ends the loop.
  for (let next = leaf; next?.raw && !seen.has(next.fingerprint256); next = next.issuerCertificate) {
    seen.add(next.fingerprint256);
    chain.push(`-----BEGIN CERTIFICATE-----\n${next.raw.toString('base64')}\n-----END CERTIFICATE-----\n`);
  }
  return chain;
}

/** The host and port at which the API server calls a webhook. The certificate must be valid for this host. */
export function addressOf({
  clientConfig,
}: WebhookEntry): { host: string; port: number; isUrl: boolean } | undefined {
  const { url, service } = clientConfig;
  if (service)
    return { host: `${service.name}.${service.namespace}.svc`, port: service.port ?? 443, isUrl: false };
  if (!url || !URL.canParse(url)) return undefined;
  const { hostname, port } = new URL(url);
  return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || 443), isUrl: true };
}

export async function servedCertificate(
  entry: WebhookEntry | undefined,
  secret: () => Promise<Seen<{ data?: Record<string, string> }>>,
  secretName: string,
  dial: Dial,
): Promise<Seen<ServedCertificate>> {
  const address = entry && addressOf(entry);
  if (!address) return { unreadable: 'no webhook says where the server is' };
  const { host, port, isUrl } = address;
  let why = `${host} can only be reached inside the cluster`;
  if (isUrl) {
    try {
      return { value: { chain: await dial(host, port), from: `${host}:${port}`, host } };
    } catch (error) {
      why = `${host}:${port}: ${(error as Error).message}`;
    }
  }
  const found = await secret();
  const text = valueIn(found)?.data?.['tls.crt'];
  if (text) {
    const chain = pemBlocks(Buffer.from(text, 'base64').toString());
    return { value: { chain, from: `secret/${secretName}`, host } };
  }
  return {
    unreadable: `${why}, and secret/${secretName} ${'unreadable' in found ? 'may not be read' : 'has no tls.crt'}`,
  };
}
