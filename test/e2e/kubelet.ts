// Marks pods ready as a kubelet would, where there is an API server but no node. The sandbox has a stand-in of its own.
import { ObjectCache } from '../../src/kube/cache.ts';
import type { Client } from '../../src/kube/client.ts';
import { isConflict, isNotFound } from '../../src/kube/errors.ts';
import { keyOf, type Resource } from '../../src/kube/objects.ts';
import { Reflector } from '../../src/kube/reflector.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import type { Pod } from '../../src/workloads/child-kinds.ts';
import { isReady } from '../../src/workloads/rollout.ts';

const pods: Resource<Pod> = { group: '', version: 'v1', kind: 'Pod', plural: 'pods', namespaced: true };

/** A pod with this annotation never becomes ready: the sandbox's own word for it. */
const neverReady = 'spikegate.io/sandbox-never-ready';

export interface Kubelet {
  stop(): Promise<void>;
}

export async function startKubelet(client: Client, readyAfterMs = 30): Promise<Kubelet> {
  const cache = new ObjectCache<Pod>();
  const timers = new Set<NodeJS.Timeout>();
  const look = (pod: Pod) => {
    const { phase } = pod.status ?? {};
    const isOver = phase === 'Failed' || phase === 'Succeeded' || pod.metadata.deletionTimestamp;
    if (isOver || isReady(pod) || pod.metadata.annotations?.[neverReady] !== undefined) return;
    const timer = setTimeout(() => {
      timers.delete(timer);
      void markReady(client, pod).catch((error) => {
        // Changed meanwhile: the change itself has us look again.
        if (!isNotFound(error) && !isConflict(error)) look(pod);
      });
    }, readyAfterMs);
    timers.add(timer);
  };
  cache.onChange(({ type, object }) => {
    if (type !== 'deleted' && cache.get(keyOf(object)) === object) look(object);
  });
  const reflector = new Reflector({ client, cache, resource: pods, clock: systemClock });
  await reflector.start(new AbortController().signal);
  return {
    async stop() {
      await reflector.stop();
      for (const timer of timers) clearTimeout(timer);
    },
  };
}

async function markReady(client: Client, pod: Pod): Promise<void> {
  const now = new Date().toISOString().replace(/\.\d+Z$/, 'Z');
  const is = (type: string) => ({ type, status: 'True', lastTransitionTime: now });
  const containers = pod.spec.containers as { name: string; image: string }[];
  const status = {
    phase: 'Running',
    startTime: now,
    podIP: '10.0.0.1',
    conditions: ['PodScheduled', 'Initialized', 'ContainersReady', 'Ready'].map(is),
    containerStatuses: containers.map(({ name, image }) => ({
      name,
      image,
      imageID: image,
      ready: true,
      started: true,
      restartCount: 0,
      state: { running: { startedAt: now } },
    })),
  };
  const { namespace, name, uid } = pod.metadata;
  const key = { namespace, name };
  await client.patch(pods, key, { metadata: { uid }, status }, { type: 'merge', subresource: 'status' });
}
