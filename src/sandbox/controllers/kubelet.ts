// Stands in for the scheduler and the kubelets. Binds every pod to the only node, which is not real, and makes it ready
// after a while. Removes a deleted pod after a moment. No container runs.

import { splitKey } from '../../kube/objects.ts';
import type { Core } from '../operations/core.ts';
import type { StoreChange } from '../store/entry.ts';
import { asList, asObj, asString, type Item, type Obj, timestamp } from '../types.ts';
import { ControllerApi } from './api.ts';
import { KeyQueue } from './queue.ts';

export const nodeName = 'sandbox';
/** A pod with this annotation never becomes ready. It is for demonstrations of a bad roll-out. */
const neverReady = 'spikegate.io/sandbox-never-ready';
const longestGraceMs = 300;

export class Kubelet {
  readonly #api: ControllerApi;
  readonly #queue: KeyQueue;
  readonly #readyAfterMs: number;
  #nextIp = 1;
  #stopListening: () => void = () => {};

  constructor(core: Core, readyAfterMs: number) {
    this.#api = new ControllerApi(core, 'sandbox-kubelet');
    this.#readyAfterMs = readyAfterMs;
    this.#queue = new KeyQueue({
      clock: core.clock,
      workers: 16,
      work: (key) => this.#visit(key),
      failed: (key, error) => core.log.warn({ err: error, pod: key }, 'pod waits'),
    });
  }

  async start(): Promise<void> {
    await this.#ensureNode();
    for (const entry of this.#api.entries('/pods')) this.#queue.add(entry.key);
    this.#stopListening = this.#api.core.store.onCommit((changes) => {
      for (const { type, entry } of changes as readonly StoreChange[])
        if (entry.table === '/pods' && type !== 'DELETED') this.#queue.add(entry.key);
    });
  }

  close(): void {
    this.#stopListening();
    this.#queue.close();
  }

  async #ensureNode(): Promise<void> {
    const labels = {
      'kubernetes.io/hostname': nodeName,
      'kubernetes.io/os': 'linux',
      'kubernetes.io/arch': 'amd64',
    };
    await this.#api.ensure('/nodes', {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name: nodeName, labels },
      spec: {},
    } as unknown as Item);
    const node = this.#api.get('/nodes', '', nodeName) as Item;
    const capacity = { cpu: '64', memory: '256Gi', pods: '10000' };
    const ready = {
      type: 'Ready',
      status: 'True',
      reason: 'Sandbox',
      message: 'a pretend node: no container runs',
      lastTransitionTime: node.metadata.creationTimestamp,
      lastHeartbeatTime: node.metadata.creationTimestamp,
    };
    const nodeInfo = {
      kubeletVersion: 'v1.37.0-sandbox',
      operatingSystem: 'linux',
      architecture: 'amd64',
      osImage: 'none',
      kernelVersion: 'none',
      containerRuntimeVersion: 'none',
      machineID: '',
      systemUUID: '',
      bootID: '',
      kubeProxyVersion: '',
    };
    await this.#api.status('/nodes', node, {
      capacity,
      allocatable: capacity,
      conditions: [ready],
      nodeInfo,
    });
  }

  async #visit(key: string): Promise<void> {
    const { namespace, name } = splitKey(key);
    const pod = this.#api.get('/pods', namespace, name);
    if (!pod) return;
    const { clock } = this.#api.core;
    if (pod.metadata.deletionTimestamp) return this.#finishDeletion(pod, key);
    if (!asObj(pod.spec).nodeName) {
      await this.#api.update(
        '/pods',
        namespace,
        name,
        (live) => {
          asObj(live.spec).nodeName = nodeName;
        },
        'binding',
      );
      return;
    }
    if (asObj(pod.status).phase !== 'Pending') return;
    const age = clock.now() - Date.parse(pod.metadata.creationTimestamp);
    if (pod.metadata.annotations?.[neverReady] !== undefined) return;
    if (age < this.#readyAfterMs) this.#queue.addAfter(key, this.#readyAfterMs - age);
    else await this.#makeReady(pod);
  }

  /** Deletes the pod early: there is no process to wait for. Finalizers still keep the pod. */
  async #finishDeletion(pod: Item, key: string): Promise<void> {
    const { clock } = this.#api.core;
    if ((pod.metadata.deletionGracePeriodSeconds ?? 0) === 0) return;
    const graceMs = (pod.metadata.deletionGracePeriodSeconds ?? 0) * 1000;
    const deletedAt = Date.parse(pod.metadata.deletionTimestamp as string) - graceMs;
    const wait = deletedAt + Math.min(longestGraceMs, graceMs) - clock.now();
    if (wait > 0) this.#queue.addAfter(key, wait);
    else {
      const options = { gracePeriodSeconds: 0, preconditions: { uid: pod.metadata.uid } };
      await this.#api.delete('/pods', pod.metadata.namespace ?? '', pod.metadata.name, options);
    }
  }

  async #makeReady(pod: Item): Promise<void> {
    const now = timestamp(this.#api.core.clock.now());
    const ip = `10.244.${(this.#nextIp >> 8) & 255}.${this.#nextIp & 255}`;
    this.#nextIp++;
    const conditions = [
      'PodReadyToStartContainers',
      'Initialized',
      'Ready',
      'ContainersReady',
      'PodScheduled',
    ].map((type) => ({
      type,
      status: 'True',
      lastProbeTime: null,
      lastTransitionTime: now,
    }));
    const containerStatuses = asList(asObj(pod.spec).containers).map(
      (container): Obj => ({
        name: container.name,
        image: container.image,
        imageID: '',
        containerID: `sandbox://${pod.metadata.uid}/${asString(container.name)}`,
        ready: true,
        started: true,
        restartCount: 0,
        state: { running: { startedAt: now } },
        lastState: {},
      }),
    );
    await this.#api.status('/pods', pod, {
      ...asObj(pod.status),
      phase: 'Running',
      hostIP: '127.0.0.1',
      podIP: ip,
      podIPs: [{ ip }],
      startTime: pod.metadata.creationTimestamp,
      conditions,
      containerStatuses,
    });
  }
}
