// Gets the serving certificate of the webhooks: from the server's own port, or from the Secret.
import { isIP } from 'node:net';
import { connect, type DetailedPeerCertificate } from 'node:tls';
import { pemBlocks } from '../../certs/pair.ts';
import { type Seen, type ServedCertificate, valueIn, type WebhookEntry } from './observation.ts';

/** Resolves to the chain that a TLS server sends: PEM, leaf first. Rejects when there is no such server. */
export type Dial = (host: string, port: number) => Promise<string[]>;

const dialMs = 3000;

export const dialTls: Dial = (host, port) =>
  new Promise((resolve, reject) => {
    // The checks decide whether to trust it; this function only gets the certificate.
    const name = isIP(host) ? {} : { servername: host };
    const socket = connect({ host, port, ...name, rejectUnauthorized: false, timeout: dialMs });
    const fail = (error: Error) => {
      socket.destroy();
      reject(error);
    };
    socket.once('error', fail);
    socket.once('timeout', () => fail(new Error(`no answer within ${dialMs} ms`)));
    socket.once('secureConnect', () => {
      const chain = chainOf(socket.getPeerCertificate(true));
      socket.destroy();
      resolve(chain);
    });
  });

function chainOf(leaf: DetailedPeerCertificate): string[] {
  const chain: string[] = [];
  const seen = new Set<string>();
  // A self-signed certificate is its own issuer.
  for (let one = leaf; one?.raw && !seen.has(one.fingerprint256); one = one.issuerCertificate) {
    seen.add(one.fingerprint256);
    chain.push(`-----BEGIN CERTIFICATE-----\n${one.raw.toString('base64')}\n-----END CERTIFICATE-----\n`);
  }
  return chain;
}

/** Where the API server calls: the host that the certificate must match, and the port. */
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
