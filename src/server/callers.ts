// Who may call the webhooks, by the certificate of the connection. Knows TLS; knows no webhook.
import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';

/** undefined: it may. Else why not. */
export type CallerCheck = (
  request: IncomingMessage,
) => { code: 401 | 403; reason: string; message: string } | undefined;

export const everybody: CallerCheck = () => undefined;

/**
 * Certificates that the connection's trusted CAs have signed, whose common name is one of `names`; any, where
 * `names` is empty. The common name is what Kubernetes takes for a user's name, too (x509 authenticator).
 */
export function certifiedCallers(names: readonly string[]): CallerCheck {
  const verdicts = new WeakMap<TLSSocket, ReturnType<CallerCheck>>();
  const judge = (socket: TLSSocket): ReturnType<CallerCheck> => {
    const certificate = socket.getPeerX509Certificate();
    // Both: what a TLS library calls verified where there is no certificate has changed with versions and resumption.
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

/** `subject` is one attribute a line, as Node prints it; a line break within a value is escaped. */
function commonNameOf(subject: string): string | undefined {
  const found = subject.split('\n').filter((line) => line.startsWith('CN='));
  return found.length === 1 ? found[0]!.slice(3) : undefined;
}
