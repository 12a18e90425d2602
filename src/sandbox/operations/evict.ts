// Eviction: deletes a pod when its disruption budget allows one more disruption, as in kube-apiserver's
// pkg/registry/core/pod/storage/eviction.go. Writes the budget first, so that two evictions cannot both take its last
// disruption.

import { joinKey } from '../../kube/objects.ts';
import type { ApiCall } from '../call.ts';
import type { ResourceType } from '../resources.ts';
import { matchesLabels, parseLabelSelector } from '../selectors.ts';
import { ApiError, forbidden, notFound } from '../status.ts';
import { type Entry, parse } from '../store/entry.ts';
import { asList, asNumber, asObj, asString, type Item, type Obj, timestamp } from '../types.ts';
import type { Core } from './core.ts';
import { remove } from './delete.ts';
import { update } from './update.ts';

const budgets = 'policy/poddisruptionbudgets';
/** The kind that webhooks see. */
const form = { group: 'policy', version: 'v1', kind: 'Eviction' };
/** Maximum number of evictions that the budget controller has not confirmed. With more, it probably does not run. */
const maxUnconfirmed = 2000;

export async function evict(
  core: Core,
  call: ApiCall,
  type: ResourceType,
  target: { namespace: string; name: string },
  eviction: Item,
): Promise<void> {
  const attributes = {
    type,
    operation: 'CREATE' as const,
    subresource: 'eviction',
    ...target,
    call,
    form,
    object: eviction,
    old: undefined,
  };
  await core.admission.mutate(attributes, (item) => item);
  await core.admission.validate(attributes);
  const entry = core.store.table('/pods').get(joinKey(target.namespace, target.name));
  if (!entry) throw notFound(type, target.name);
  const options = { ...asObj(eviction.deleteOptions) };
  const pod = parse(entry);
  if (!ignoresBudgets(pod)) await takeDisruption(core, entry, pod, options, call);
  await remove(core, call, type, target, options);
}

/** Whether the eviction needs no budget, because the pod does not run or is being deleted already. */
const ignoresBudgets = (pod: Item) =>
  pod.metadata.deletionTimestamp !== undefined ||
  ['Succeeded', 'Failed', 'Pending'].includes(asString(asObj(pod.status).phase));

const isReady = (pod: Item) =>
  asList(asObj(pod.status).conditions).some((c) => c.type === 'Ready' && c.status === 'True');

/** Takes one disruption from the pod's budget. May add preconditions for the delete to `options`. Throws 429. */
async function takeDisruption(
  core: Core,
  entry: Entry,
  pod: Item,
  options: Obj,
  call: ApiCall,
): Promise<void> {
  const covering = [...core.store.table(budgets).entries({ namespace: entry.namespace, after: '' })]
    .map(parse)
    .filter((budget) => {
      const { selector } = asObj(budget.spec);
      return selector !== undefined && matchesLabels(parseLabelSelector(selector), entry.labels);
    });
  if (covering.length === 0) return;
  if (covering.length > 1) {
    const text =
      'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.';
    throw new ApiError(500, '', text);
  }
  const budget = covering[0] as Item;
  if (!isReady(pod) && allowsUnhealthy(budget)) {
    // The pod must still be unhealthy when it is deleted. If it becomes ready before, the delete fails.
    options.preconditions = { uid: entry.uid, resourceVersion: String(entry.rv) };
    return;
  }
  if (call.dryRun) {
    checkAllowed(budget);
    return;
  }
  const budgetType = core.registry.ofTable(budgets) as ResourceType;
  const target = { namespace: entry.namespace, name: budget.metadata.name, subresource: 'status' };
  await update(core, { ...call, warnings: [] }, budgetType, target, (live) => {
    checkAllowed(live);
    const status = asObj(live.status);
    status.disruptionsAllowed = asNumber(status.disruptionsAllowed) - 1;
    status.disruptedPods = { ...asObj(status.disruptedPods), [entry.name]: timestamp(core.clock.now()) };
    live.status = status;
    return live;
  });
}

/**
 * unhealthyPodEvictionPolicy: whether a pod that is not ready may be evicted without a disruption. By default it may
 * when enough other pods are healthy.
 */
function allowsUnhealthy(budget: Item): boolean {
  if (asObj(budget.spec).unhealthyPodEvictionPolicy === 'AlwaysAllow') return true;
  const { currentHealthy, desiredHealthy } = asObj(budget.status);
  return asNumber(desiredHealthy) > 0 && asNumber(currentHealthy) >= asNumber(desiredHealthy);
}

const tooMany = (cause: string, seconds: number) =>
  new ApiError(
    429,
    'TooManyRequests',
    "Cannot evict pod as it would violate the pod's disruption budget.",
    {
      causes: [{ reason: 'DisruptionBudget', message: cause }],
      ...(seconds > 0 ? { retryAfterSeconds: seconds } : {}),
    },
    seconds > 0 ? { 'Retry-After': String(seconds) } : {},
  );

/** Throws when the budget allows no disruption now. */
function checkAllowed(budget: Item): void {
  const { name, generation = 0 } = budget.metadata;
  const status = asObj(budget.status);
  if (asNumber(status.observedGeneration) < generation)
    throw tooMany(`The disruption budget ${name} is still being processed by the server.`, 10);
  const subject = { group: 'policy', plural: 'poddisruptionbudget' };
  const allowed = asNumber(status.disruptionsAllowed);
  if (allowed < 0) throw forbidden(subject, name, 'pdb disruptions allowed is negative');
  if (Object.keys(asObj(status.disruptedPods)).length > maxUnconfirmed) {
    const text = 'DisruptedPods map too big - too many evictions not confirmed by PDB controller';
    throw forbidden(subject, name, text);
  }
  if (allowed > 0) return;
  const { desiredHealthy = 0, currentHealthy = 0 } = status;
  throw tooMany(
    `The disruption budget ${name} needs ${desiredHealthy} healthy pods and has ${currentHealthy} currently`,
    0,
  );
}
