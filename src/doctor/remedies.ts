// Commands that several checks recommend. Pure.
import { allParts } from '../api/kinds.ts';
import type { Observation } from './observation.ts';
import { addressOf } from './serving.ts';
import { firstEntry } from './webhook-entries.ts';

/** Applies CRDs, permissions and webhook configurations again. The webhooks keep pointing to the same server. */
export function reinstall(seen: Observation): string {
  const entry = firstEntry(seen);
  const address = entry && addressOf(entry);
  const where = address?.isUrl ? ` --webhook-url ${new URL(entry!.clientConfig.url!).origin}` : '';
  const { namespace, parts, namespaces } = seen.expected;
  const extent = [
    ...(parts.length < allParts.length ? [` --parts ${parts.join(',')}`] : []),
    ...(namespaces.length > 0 ? [` --namespaces ${namespaces.join(',')}`] : []),
  ].join('');
  return `spikegate manifests --install${namespace === 'spikegate-system' ? '' : ` --namespace ${namespace}`}${extent}${where}`;
}

export const lookAtPods = ({ expected: { namespace } }: Pick<Observation, 'expected'>): string =>
  `kubectl -n ${namespace} get pods -o wide; kubectl -n ${namespace} logs -l app.kubernetes.io/name=spikegate --tail=50`;

/** How to look at the webhook server: pods, or a program outside the cluster (`npm start --kubeconfig`). */
export function lookAtServer(seen: Observation): string {
  const entry = firstEntry(seen);
  if (!entry || !addressOf(entry)?.isUrl) return lookAtPods(seen);
  const { origin } = new URL(entry.clientConfig.url!);
  const { configuration } = seen.expected;
  const remove = `kubectl delete mutatingwebhookconfiguration,validatingwebhookconfiguration ${configuration}`;
  return `start the program at ${origin} again; if it is gone for good: ${remove}`;
}
