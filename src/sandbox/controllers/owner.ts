// The base class of the workload controllers. It enqueues an owner (a ReplicaSet, for example) when the owner or an
// object that it controls changes. Knows no kind: the tables are arguments.

import { joinKey, splitKey } from '../../kube/objects.ts';
import type { Core } from '../operations/core.ts';
import { matchesLabels, parseLabelSelector, type Requirement } from '../selectors.ts';
import { type Entry, parse, type StoreChange } from '../store/entry.ts';
import { asList, asNumber, asObj, asString, type Item, type Obj } from '../types.ts';
import { ControllerApi } from './api.ts';
import { KeyQueue } from './queue.ts';

export interface OwnerOptions {
  /** Table of the owners. */
  table: string;
  /** Tables of the objects that the owners control. */
  controls: readonly string[];
  /** The service account as which the controller writes. */
  account: string;
}

interface OwnerRecord {
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
  /** By uid of the owner. */
  readonly #owners = new Map<string, OwnerRecord>();
  /** By uid of the owner: why its last pod could not be created. */
  readonly #createErrors = new Map<string, string>();
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

  /** Brings the objects that `item` controls one step closer to its spec, and updates its status. */
  protected abstract reconcile(item: Item): Promise<void>;

  start(): void {
    for (const entry of this.api.entries(this.table)) {
      this.#remember(entry);
      this.#queue.add(entry.key);
    }
    this.#stopListening = this.api.core.store.onCommit((changes) => {
      for (const change of changes) this.#onChange(change);
    });
  }

  close(): void {
    this.#stopListening();
    this.#queue.close();
  }

  /** Enqueues `item` again after `ms`. */
  protected later(item: Item, ms: number): void {
    this.#queue.addAfter(joinKey(item.metadata.namespace ?? '', item.metadata.name), ms);
  }

  #onChange({ type, entry, prev }: StoreChange): void {
    if (entry.table === this.table) {
      if (type === 'DELETED') {
        this.#owners.delete(entry.uid);
        this.#createErrors.delete(entry.uid);
      } else this.#remember(entry);
      this.#queue.add(entry.key);
    } else if (this.#controls.has(entry.table)) {
      for (const owner of new Set([...(entry.owners ?? []), ...(prev?.owners ?? [])])) {
        const record = this.#owners.get(owner);
        if (record) this.#queue.add(record.key);
      }
      if (type === 'DELETED' || entry.owners) return;
      // An object without a controller may be adopted.
      for (const { key, namespace, selector } of this.#owners.values())
        if (namespace === entry.namespace && matchesLabels(selector, entry.labels)) this.#queue.add(key);
    }
  }

  #remember(entry: Entry): void {
    const { uid, key, namespace } = entry;
    this.#owners.set(uid, { key, namespace, selector: selectorOf(parse(entry)) });
  }

  /**
   * Adopts objects without a controller that match the selector, and releases objects that no longer match, as
   * Kubernetes' controllers do (controller_ref_manager.go). Two cases need this: a set that is created again adopts
   * the pods of an earlier set that was deleted with `--cascade=orphan`, and a user changes a label to take a pod out
   * of its set for inspection.
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
        // Objects that fit and have an owner, or that neither fit nor belong to this owner, stay as they are.
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
   * Creates a pod. An error becomes an event of the owner, because sets have no condition for it. The same error
   * makes no second event.
   */
  protected async makePod(owner: Item, pod: Item): Promise<void> {
    const { uid, name } = owner.metadata;
    try {
      await this.api.create('/pods', pod);
      this.#createErrors.delete(uid);
    } catch (error) {
      const text = `create Pod ${pod.metadata.name ?? ''} in ${owner.kind} ${name} failed error: ${(error as Error).message}`;
      if (this.#createErrors.get(uid) !== text) this.api.event(owner, 'FailedCreate', text, 'Warning');
      this.#createErrors.set(uid, text);
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

/** Milliseconds until the pod is available: 0 when it is available already, undefined when it is not ready. */
export function untilAvailable(pod: Item, minReadySeconds: number, now: number): number | undefined {
  if (!isReady(pod)) return undefined;
  const since = asList(asObj(pod.status).conditions).find((c) => c.type === 'Ready')?.lastTransitionTime;
  return Math.max(0, Date.parse(asString(since)) + minReadySeconds * 1000 - now);
}

export const replicasOf = (item: Item, otherwise = 1): number =>
  asNumber(asObj(item.spec).replicas, otherwise);
export const statusNumber = (item: Item, name: string): number => asNumber(asObj(item.status)[name]);

/** Replaces conditions of the same types by `wanted`. A time changes only with the fields that it describes. */
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
