// `spikegate try`: sends one dry run of each kind, as a client would, and says whether Spikegate's webhooks
// answered. `helm test` runs it in the cluster.
import { allParts, kindsOf, type Part } from '../api/kinds.ts';
import type { Client } from '../kube/client.ts';
import { probe } from './probes.ts';

/**
 * Prints one line for each kind. Resolves to the exit code: 0 when a webhook answered for every kind. Nothing is
 * stored.
 */
export async function tryAdmission(
  client: Client,
  namespace: string,
  say: (line: string) => void,
  parts: readonly Part[] = allParts,
): Promise<number> {
  let failures = 0;
  for (const kind of kindsOf(parts)) {
    const { outcome } = await probe(client, kind, namespace);
    if (outcome.is === 'answered') {
      say(`${kind.kind}: answered`);
      continue;
    }
    failures++;
    say(`${kind.kind}: ${Object.values(outcome).join(': ')}`);
  }
  return failures === 0 ? 0 : 1;
}
