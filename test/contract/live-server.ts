// A real AdmissionServer on a port of its own, with a certificate of its own: what it takes to be spoken to.
import { randomBytes } from 'node:crypto';
import { issueAuthority, issueLeaf, rsaKey } from '../../certs/authority.ts';
import { parsePair } from '../../certs/pair.ts';
import type { CertSource } from '../../certs/source.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { silentLog } from '../../src/runtime/log.ts';
import { AdmissionServer, type AdmissionServerOptions } from '../../src/server/server.ts';

export interface Pair {
  cert: string;
  key: string;
}

const issue = { lifetime: 86_400_000, random: (count: number) => randomBytes(count) };

export async function authority(): Promise<Pair> {
  const key = await rsaKey();
  return { key, cert: issueAuthority({ ...issue, now: Date.now(), key }) };
}

export async function issuedBy(ca: Pair, names = ['localhost', '127.0.0.1']): Promise<Pair> {
  const key = await rsaKey();
  return { key, cert: issueLeaf({ ...issue, now: Date.now(), key, names, authority: ca }) };
}

/** A source that serves one pair, and another one when it is told to. */
export function fixedCerts(pair: Pair): CertSource & { change(pair: Pair): void } {
  let current = pair;
  const listeners = new Set<() => void>();
  return {
    start: async () => undefined,
    current: () => parsePair(current.cert, current.key),
    caBundle: () => undefined,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    expiry: () => 0,
    authorityExpiry: () => 0,
    recheck: () => undefined,
    change(next) {
      current = next;
      for (const listener of listeners) listener();
    },
  };
}

/** Listens on a free port of this machine; nothing waits when it stops, unless `options` say so. */
export async function liveServer(
  app: Parameters<AdmissionServer['use']>[0],
  certs: CertSource,
  options: Partial<AdmissionServerOptions> = {},
): Promise<AdmissionServer> {
  const server = new AdmissionServer({
    host: '127.0.0.1',
    port: 0,
    clock: systemClock,
    log: silentLog,
    drainMs: 0,
    certs,
    ...options,
  });
  server.use(app);
  await server.start(new AbortController().signal);
  return server;
}
