// `spikegate try`: one dry run of each kind, as a client sends it; whether Spikegate's webhooks have answered. What
// `helm test` runs in the cluster.
import { kinds } from '../api/kinds.ts';
import type { Client } from '../kube/client.ts';
import { probe } from './probes.ts';

/** One line for each kind; resolves to the exit code: 0 when every kind was answered. Nothing is stored. */
export async function tryAdmission(
  client: Client,
  namespace: string,
  say: (line: string) => void,
): Promise<number> {
  let failures = 0;
  for (const kind of kinds) {
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
