// Decides who may call the webhooks, by the client certificate of the connection. Knows TLS, and no webhook.
import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';

/** Returns undefined when the caller may call, otherwise the refusal. */
export type CallerCheck = (
  request: IncomingMessage,
) => { code: 401 | 403; reason: string; message: string } | undefined;

export const everybody: CallerCheck = () => undefined;

/**
 * Accepts certificates that the connection's trusted CAs have signed and whose common name is in `names`. An empty
 * `names` accepts any name. Kubernetes, too, takes the common name for the user name (x509 authenticator).
 */
export function certifiedCallers(names: readonly string[]): CallerCheck {
  const verdicts = new WeakMap<TLSSocket, ReturnType<CallerCheck>>();
  const judge = (socket: TLSSocket): ReturnType<CallerCheck> => {
    const certificate = socket.getPeerX509Certificate();
    // Check both: what a TLS library reports as authorized without a certificate differs between versions and with
    // resumption.
    if (!certificate || !socket.authorized) {
      const why = certificate ? `not of a trusted CA (${socket.authorizationError})` : 'missing';
      return { code: 401, reason: 'Unauthorized', message: `the client certificate is ${why}` };
    }
    const name = commonNameOf(certificate.subject);
    if (names.length === 0 || (name !== undefined && names.includes(name))) return undefined;
    const message = `the client certificate must be of ${names.join(' or ')}, got ${name ?? 'no name'}`;
    return { code: 403, reason: 'Forbidden', message };
  };
  return ({ socket }) => {
    const connection = socket as TLSSocket;
    if (!verdicts.has(connection)) verdicts.set(connection, judge(connection));
    return verdicts.get(connection);
  };
}

/** Node prints one attribute of `subject` per line and escapes line breaks in values. */
function commonNameOf(subject: string): string | undefined {
  const found = subject.split('\n').filter((line) => line.startsWith('CN='));
  return found.length === 1 ? found[0]!.slice(3) : undefined;
}
