// The common part of the workload controllers: a queue of their objects, which changes of these objects and of
// controlled objects fill. Knows no kind; the tables are arguments.

import { joinKey, splitKey } from '../../kube/objects.ts';
import type { Core } from '../operations/core.ts';
import { matchesLabels, parseLabelSelector, type Requirement } from '../selectors.ts';
import { type Entry, parse, type StoreChange } from '../store/entry.ts';
import { asList, asNumber, asObj, asString, type Item, type Obj } from '../types.ts';
import { ControllerApi } from './api.ts';
import { KeyQueue } from './queue.ts';

export interface OwnerOptions {
  table: string;
  /** Tables of the objects that it controls. */
  controls: readonly string[];
  account: string;
}

interface Own {
  key: string;
  namespace: string;
  selector: readonly Requirement[];
}

const selectorOf = (owner: Item) => parseLabelSelector(asObj(owner.spec).selector);

export abstract class OwnerController {
  protected readonly api: ControllerApi;
  protected readonly table: string;
  readonly #controls: ReadonlySet<string>;
  readonly #queue: KeyQueue;
  /** By uid. */
  readonly #owned = new Map<string, Own>();
  /** By uid of an owner, why its last pod could not be made. */
  readonly #refused = new Map<string, string>();
  #stopListening: () => void = () => {};

  constructor(core: Core, options: OwnerOptions) {
    this.api = new ControllerApi(core, options.account);
    this.table = options.table;
    this.#controls = new Set(options.controls);
    this.#queue = new KeyQueue({
      clock: core.clock,
      workers: 8,
      work: async (key) => {
        const { namespace, name } = splitKey(key);
        const item = this.api.get(this.table, namespace, name);
        if (!item) return;
        if (!item.metadata.deletionTimestamp) await this.#claim(item);
        await this.reconcile(item);
      },
      failed: (key, error) => core.log.warn({ err: error, table: this.table, object: key }, 'workload waits'),
    });
  }

  /** Brings what `item` controls one step closer to the spec, and updates its status. */
  protected abstract reconcile(item: Item): Promise<void>;

  start(): void {
    for (const entry of this.api.entries(this.table)) {
      this.#note(entry);
      this.#queue.add(entry.key);
    }
    this.#stopListening = this.api.core.store.onCommit((changes) => {
      for (const change of changes) this.#take(change);
    });
  }

  close(): void {
    this.#stopListening();
    this.#queue.close();
  }

  protected later(item: Item, ms: number): void {
    this.#queue.addAfter(joinKey(item.metadata.namespace ?? '', item.metadata.name), ms);
  }

  #take({ type, entry, prev }: StoreChange): void {
    if (entry.table === this.table) {
      if (type === 'DELETED') {
        this.#owned.delete(entry.uid);
        this.#refused.delete(entry.uid);
      } else this.#note(entry);
      this.#queue.add(entry.key);
    } else if (this.#controls.has(entry.table)) {
      for (const owner of new Set([...(entry.owners ?? []), ...(prev?.owners ?? [])])) {
        const own = this.#owned.get(owner);
        if (own) this.#queue.add(own.key);
      }
      if (type === 'DELETED' || entry.owners) return;
      // An object without a controller may be adopted.
      for (const { key, namespace, selector } of this.#owned.values())
        if (namespace === entry.namespace && matchesLabels(selector, entry.labels)) this.#queue.add(key);
    }
  }

  #note(entry: Entry): void {
    const { uid, key, namespace } = entry;
    this.#owned.set(uid, { key, namespace, selector: selectorOf(parse(entry)) });
  }

  /**
   * Adopts objects without a controller that match the selector, and releases those that no longer match, as
   * Kubernetes' controllers do (controller_ref_manager.go): pods survive an orphaning deletion, and a changed label
   * takes a pod out for inspection.
   */
  async #claim(owner: Item): Promise<void> {
    const selector = selectorOf(owner);
    const { uid } = owner.metadata;
    for (const table of this.#controls) {
      for (const { deleting, labels, owners, namespace, name } of this.api.entries(
        table,
        owner.metadata.namespace,
      )) {
        const fits = matchesLabels(selector, labels);
        if (deleting || (fits ? owners !== undefined : !owners?.includes(uid))) continue;
        await this.api.update(table, namespace, name, ({ metadata }) => {
          const others = (metadata.ownerReferences ?? []).filter((reference) => reference.uid !== uid);
          const isTaken = others.some((reference) => reference.controller === true);
          const ownerReferences = fits && !isTaken ? [...others, this.reference(owner)] : others;
          Object.assign(metadata, { ownerReferences });
        });
      }
    }
  }

  /** The objects of `table` that `owner` controls. */
  protected controlled(table: string, owner: Item): Item[] {
    const out: Item[] = [];
    for (const entry of this.api.entries(table, owner.metadata.namespace)) {
      if (!entry.owners?.includes(owner.metadata.uid)) continue;
      const item = parse(entry);
      if (
        asList(item.metadata.ownerReferences).some(
          (r) => r.uid === owner.metadata.uid && r.controller === true,
        )
      )
        out.push(item);
    }
    return out;
  }

  protected reference(owner: Item): Obj {
    const { name, uid } = owner.metadata;
    return {
      apiVersion: owner.apiVersion,
      kind: owner.kind,
      name,
      uid,
      controller: true,
      blockOwnerDeletion: true,
    };
  }

  /**
   * Creates a pod. A refusal becomes an event of the owner, because sets have no condition for it: one event while
   * the refusal stays the same.
   */
  protected async makePod(owner: Item, pod: Item): Promise<void> {
    const { uid, name } = owner.metadata;
    try {
      await this.api.create('/pods', pod);
      this.#refused.delete(uid);
    } catch (error) {
      const what = `create Pod ${pod.metadata.name ?? ''} in ${owner.kind} ${name} failed error: ${(error as Error).message}`;
      if (this.#refused.get(uid) !== what) this.api.event(owner, 'FailedCreate', what, 'Warning');
      this.#refused.set(uid, what);
      throw error;
    }
  }

  /** A pod of `owner` from a template, with additional labels and fields. */
  protected podFrom(owner: Item, template: Obj, metadata: Obj, spec: Obj = {}): Item {
    const from = asObj(template.metadata);
    return {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        ...(from.annotations ? { annotations: from.annotations } : {}),
        ...metadata,
        labels: { ...asObj(from.labels), ...asObj(metadata.labels) },
        namespace: owner.metadata.namespace,
        ownerReferences: [this.reference(owner)],
      },
      spec: { ...asObj(template.spec), ...spec },
    } as unknown as Item;
  }
}

export const isReady = (pod: Item): boolean =>
  asList(asObj(pod.status).conditions).some((c) => c.type === 'Ready' && c.status === 'True');

export const isActive = (pod: Item): boolean =>
  !pod.metadata.deletionTimestamp && !['Succeeded', 'Failed'].includes(asString(asObj(pod.status).phase));

/** Milliseconds until a ready pod counts as available: 0 when it does, undefined when it is not ready. */
export function untilAvailable(pod: Item, minReadySeconds: number, now: number): number | undefined {
  if (!isReady(pod)) return undefined;
  const since = asList(asObj(pod.status).conditions).find((c) => c.type === 'Ready')?.lastTransitionTime;
  return Math.max(0, Date.parse(asString(since)) + minReadySeconds * 1000 - now);
}

export const replicasOf = (item: Item, otherwise = 1): number =>
  asNumber(asObj(item.spec).replicas, otherwise);
export const statusNumber = (item: Item, name: string): number => asNumber(asObj(item.status)[name]);

/** Replaces conditions of the same types by `wanted`. The time stays while the status stays. */
export function withConditions(item: Item, wanted: readonly Obj[], now: string): Obj[] {
  const before = asList(asObj(item.status).conditions);
  const merged = wanted.map((condition): Obj => {
    const old = before.find((c) => c.type === condition.type);
    const same = old?.status === condition.status;
    const unchanged = same && old?.reason === condition.reason && old?.message === condition.message;
    return {
      type: condition.type,
      status: condition.status,
      lastUpdateTime: unchanged ? old?.lastUpdateTime : now,
      lastTransitionTime: same ? old?.lastTransitionTime : now,
      reason: condition.reason,
      message: condition.message,
    };
  });
  return [...before.filter((c) => !wanted.some((w) => w.type === c.type)), ...merged];
}
