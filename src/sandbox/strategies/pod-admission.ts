// The rules of Kubernetes' own admission plugins (ServiceAccount, Priority) for a new pod: its service account and its
// priority class must exist. Also the grace period of a pod.

import { own } from '../../runtime/own-keys.ts';
import type { Find, ResourceType } from '../resources.ts';
import { forbidden } from '../status.ts';
import { asNumber, asObj, asString, type Item } from '../types.ts';

/** The priority classes that every cluster has (k8s.io/kubernetes/pkg/apis/scheduling/types.go). */
const systemClasses: Record<string, number> = {
  'system-node-critical': 2_000_001_000,
  'system-cluster-critical': 2_000_000_000,
};

/** Throws 403 when the account or the class does not exist. Gives the pod the priority of its class. */
export function admitPod(type: ResourceType, pod: Item, find: Find): void {
  const { namespace = '', name } = pod.metadata;
  const spec = asObj(pod.spec);
  const account = asString(spec.serviceAccountName);
  // A controller creates `default` a moment after its namespace. Accept pods before that.
  const isThere = account === '' || account === 'default';
  if (!isThere && !find('/serviceaccounts', namespace, account)) {
    const failure = `error looking up service account ${namespace}/${account}`;
    throw forbidden(type, name, `${failure}: serviceaccount ${JSON.stringify(account)} not found`);
  }
  const className = asString(spec.priorityClassName);
  if (className === '') return;
  const stored = find('scheduling.k8s.io/priorityclasses', '', className);
  const priority = stored ? asNumber(stored.value) : own(systemClasses, className);
  if (priority === undefined)
    throw forbidden(type, name, `no PriorityClass with name ${className} was found`);
  spec.priority = priority;
}

/** The grace period in seconds; 0 unless the pod runs on a node. `asked`: gracePeriodSeconds of the request. */
export function graceOfPod(pod: Item, asked: unknown): number {
  const spec = asObj(pod.spec);
  const phase = asString(asObj(pod.status).phase);
  if (!spec.nodeName || phase === 'Succeeded' || phase === 'Failed') return 0;
  const given = asNumber(spec.terminationGracePeriodSeconds, 30);
  // Kubernetes takes any negative period of the spec as 1.
  return Math.max(0, asNumber(asked, given < 0 ? 1 : given));
}
