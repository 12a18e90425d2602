// What Kubernetes' own admission plugins (ServiceAccount, Priority) require of a new pod. Needs the store, because
// the objects that a pod names must exist. Knows no HTTP.

import { joinKey } from '../../kube/objects.ts';
import { own } from '../../runtime/own-keys.ts';
import type { ResourceType } from '../resources.ts';
import { forbidden } from '../status.ts';
import { parse } from '../store/entry.ts';
import type { Store } from '../store/store.ts';
import { asNumber, asObj, asString, type Item } from '../types.ts';

/** The priority classes of every cluster (k8s.io/kubernetes/pkg/apis/scheduling/types.go). */
const systemClasses: Record<string, number> = {
  'system-node-critical': 2_000_001_000,
  'system-cluster-critical': 2_000_000_000,
};

/** Throws 403 when the account or the class does not exist. Gives the pod the priority of its class. */
export function admitPod(store: Store, type: ResourceType, pod: Item): void {
  const { namespace = '', name } = pod.metadata;
  const spec = asObj(pod.spec);
  const account = asString(spec.serviceAccountName);
  // `default` is created a moment after its namespace. A pod need not wait for it here.
  const isThere = account === '' || account === 'default';
  if (!isThere && !store.table('/serviceaccounts').get(joinKey(namespace, account))) {
    const looked = `error looking up service account ${namespace}/${account}`;
    throw forbidden(type, name, `${looked}: serviceaccount ${JSON.stringify(account)} not found`);
  }
  const className = asString(spec.priorityClassName);
  if (className === '') return;
  const stored = store.table('scheduling.k8s.io/priorityclasses').get(joinKey('', className));
  const priority = stored ? asNumber(parse(stored).value) : own(systemClasses, className);
  if (priority === undefined)
    throw forbidden(type, name, `no PriorityClass with name ${className} was found`);
  spec.priority = priority;
}
