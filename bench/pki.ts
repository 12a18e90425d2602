// A CA and a certificate for 127.0.0.1, for the servers of the bench that no API server calls as Spikegate's.
import { randomBytes } from 'node:crypto';
import { issueAuthority, issueLeaf, rsaKey } from '../certs/authority.ts';
import { systemClock } from '../src/runtime/clock.ts';

const day = 86_400_000;

/** PEM. */
export async function servingPair(): Promise<{ ca: string; cert: string; key: string }> {
  const now = systemClock.now();
  const [caKey, key] = await Promise.all([rsaKey(), rsaKey()]);
  const issue = { now, random: randomBytes, lifetime: day };
  const ca = issueAuthority({ ...issue, key: caKey });
  const names = ['localhost', '127.0.0.1'];
  return { ca, key, cert: issueLeaf({ ...issue, key, names, authority: { cert: ca, key: caKey } }) };
}
