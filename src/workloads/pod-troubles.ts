// Finds out why the pods of one component of an owner do not start. The Deployment's status does not say it, and an
// owner reference of a pod names only a ReplicaSet. So this file finds the pods by the labels that all our pods have,
// and wakes their owner. Knows no kind.
import type { ObjectCache } from '../kube/cache.ts';
import { joinKey, type KubeObject } from '../kube/objects.ts';
import type { Pod } from './child-kinds.ts';
import { labelValue, selectorOf } from './identity.ts';
import { troubleOf } from './rollout.ts';

type Trouble = { reason: string; message: string };

export interface PodTroubles {
  /** The trouble of the first pod of the component that has any. */
  of(owner: KubeObject, component: string): Trouble | undefined;
  /** When the newest pod of the component was made, in epoch ms. 0 when it has no pods. */
  newest(owner: KubeObject, component: string): number;
  stop(): void;
}

const nameLabel = 'app.kubernetes.io/name';
const instanceLabel = 'app.kubernetes.io/instance';
const componentLabel = 'app.kubernetes.io/component';

const componentKey = (namespace: string, labels: Record<string, string>): string =>
  [namespace, labels[nameLabel], labels[instanceLabel], labels[componentLabel]].join(' ');

/**
 * `wake` gets the key of the owner, made from a label of the pod. A label value has at most 63 characters. When the
 * owner's name is longer, the key matches no owner.
 */
export function podTroubles(cache: ObjectCache<Pod>, kind: string, wake: (key: string) => void): PodTroubles {
  const name = kind.toLowerCase();
  const indexName = `parts of ${name}`;
  cache.addIndex(indexName, ({ metadata }) => [
    componentKey(metadata.namespace ?? '', metadata.labels ?? {}),
  ]);
  const stop = cache.onChange(({ object, old, type }) => {
    const { namespace = '', labels = {} } = object.metadata;
    const instance = labels[instanceLabel];
    if (labels[nameLabel] !== name || instance === undefined) return;
    const before = old && troubleOf(old)?.reason;
    const after = type === 'deleted' ? undefined : troubleOf(object)?.reason;
    if (before !== after) wake(joinKey(namespace, instance));
  });
  const podsOf = (owner: KubeObject, component: string): Pod[] =>
    cache.byIndex(
      indexName,
      componentKey(owner.metadata.namespace ?? '', selectorOf(owner, labelValue(component))),
    );
  return {
    newest: (owner, component) =>
      Math.max(0, ...podsOf(owner, component).map(({ metadata }) => Date.parse(metadata.creationTimestamp))),
    of(owner, component) {
      for (const pod of podsOf(owner, component)) {
        const trouble = pod.metadata.deletionTimestamp ? undefined : troubleOf(pod);
        if (trouble)
          return {
            reason: trouble.reason,
            message: `pod ${pod.metadata.name}: ${trouble.reason}: ${trouble.message}`,
          };
      }
      return undefined;
    },
    stop,
  };
}
