// Decides who may call the webhooks, by the client certificate of the connection. Knows TLS, but no webhook.
import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';

/** Returns the refusal, or undefined when the caller may call a webhook. */
export type CallerCheck = (
  request: IncomingMessage,
) => { code: 401 | 403; reason: string; message: string } | undefined;

export const everybody: CallerCheck = () => undefined;

/**
 * Accepts certificates that the connection's trusted CAs have signed and whose common name is in `names`. An empty
 * `names` accepts any name. The common name is the user name, as in Kubernetes' x509 authenticator.
 */
export function certifiedCallers(names: readonly string[]): CallerCheck {
  // One check per connection: its certificate does not change.
  const verdicts = new WeakMap<TLSSocket, ReturnType<CallerCheck>>();
  const judge = (socket: TLSSocket): ReturnType<CallerCheck> => {
    const certificate = socket.getPeerX509Certificate();
    // Check both. Without a certificate, `authorized` depends on the version of the TLS library and on whether the
    // session was resumed.
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
