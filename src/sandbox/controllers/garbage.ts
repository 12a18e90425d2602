// Garbage collection by ownerReferences, as in kube-controller-manager: deletes objects whose owners are gone. When a
// deleted owner has the finalizer foregroundDeletion, its blocking dependents go first. When it has the finalizer
// orphan, its dependents stay, without the reference.

import type { Core } from '../operations/core.ts';
import { foregroundFinalizer, orphanFinalizer } from '../operations/delete.ts';
import type { Entry, StoreChange } from '../store/entry.ts';
import { parse } from '../store/entry.ts';
import { asList, asString, asStrings, type Item } from '../types.ts';
import { ControllerApi, isNotFound } from './api.ts';
import { KeyQueue } from './queue.ts';

/** kube-controller-manager's default. */
const workers = 20;

export class GarbageCollector {
  readonly #api: ControllerApi;
  readonly #queue: KeyQueue;
  /** uid → table and key of the object. */
  readonly #objects = new Map<string, { table: string; key: string }>();
  /** Owner uid → uids that refer to it. */
  readonly #dependents = new Map<string, Set<string>>();
  #stopListening: () => void = () => {};

  constructor(core: Core) {
    this.#api = new ControllerApi(core, 'generic-garbage-collector');
    this.#queue = new KeyQueue({
      clock: core.clock,
      workers,
      work: (uid) => this.#visit(uid),
      failed: (uid, error) =>
        core.log.warn(
          { err: error, object: this.#objects.get(uid)?.key },
          'garbage collection of an object waits',
        ),
    });
  }

  start(): void {
    for (const type of this.#api.core.registry.stored()) {
      for (const entry of this.#api.entries(type.table)) {
        this.#index(entry);
        if (entry.owners || entry.deleting) this.#queue.add(entry.uid);
      }
    }
    this.#stopListening = this.#api.core.store.onCommit((changes) => {
      for (const change of changes) this.#onChange(change);
    });
  }

  close(): void {
    this.#stopListening();
    this.#queue.close();
  }

  #index(entry: Entry): void {
    this.#objects.set(entry.uid, { table: entry.table, key: entry.key });
    for (const owner of entry.owners ?? []) {
      let set = this.#dependents.get(owner);
      if (!set) {
        set = new Set();
        this.#dependents.set(owner, set);
      }
      set.add(entry.uid);
    }
  }

  #unindex(entry: Entry): void {
    for (const owner of entry.owners ?? []) {
      const set = this.#dependents.get(owner);
      set?.delete(entry.uid);
      if (set?.size === 0) this.#dependents.delete(owner);
    }
  }

  #onChange({ type, entry, prev }: StoreChange): void {
    if (prev?.owners) this.#unindex(prev);
    if (type === 'DELETED') {
      this.#unindex(entry);
      this.#objects.delete(entry.uid);
      for (const dependent of this.#dependents.get(entry.uid) ?? []) this.#queue.add(dependent);
    } else {
      this.#index(entry);
      if (entry.owners || entry.deleting) this.#queue.add(entry.uid);
    }
    // An owner in foreground deletion may wait for this object.
    for (const owner of prev?.owners ?? []) if (this.#objects.has(owner)) this.#queue.add(owner);
  }

  #find(uid: string): Entry | undefined {
    const place = this.#objects.get(uid);
    const entry = place && this.#api.core.store.table(place.table).get(place.key);
    return entry?.uid === uid ? entry : undefined;
  }

  async #visit(uid: string): Promise<void> {
    const entry = this.#find(uid);
    if (!entry) return;
    if (entry.deleting) {
      const item = parse(entry);
      const finalizers = asStrings(item.metadata.finalizers);
      if (finalizers.includes(orphanFinalizer)) await this.#orphan(entry);
      else if (finalizers.includes(foregroundFinalizer)) await this.#foreground(entry);
      return;
    }
    if (entry.owners) await this.#collect(entry, parse(entry));
  }

  /** Deletes an object when all its owners are gone, and removes references to owners that are gone. */
  async #collect(entry: Entry, item: Item): Promise<void> {
    const references = asList(item.metadata.ownerReferences);
    const alive = references.filter(
      (reference) => this.#ownerOf(entry, asString(reference.uid)) !== undefined,
    );
    const waiting = alive.filter((reference) => this.#waitsForDependents(asString(reference.uid)));
    if (alive.length > waiting.length) {
      const obsolete = references.filter(
        (reference) => !alive.includes(reference) || waiting.includes(reference),
      );
      if (obsolete.length > 0)
        await this.#removeReferences(
          entry,
          obsolete.map((reference) => asString(reference.uid)),
        );
      return;
    }
    const hasDependents = (this.#dependents.get(entry.uid)?.size ?? 0) > 0;
    const propagationPolicy = waiting.length > 0 && hasDependents ? 'Foreground' : 'Background';
    // An orphan finalizer decides already what happens to the object's dependents.
    const policy = asStrings(item.metadata.finalizers).includes(orphanFinalizer) ? {} : { propagationPolicy };
    await this.#api.delete(entry.table, entry.namespace, entry.name, {
      preconditions: { uid: entry.uid },
      ...policy,
    });
  }

  /** An owner must be in the same namespace, or cluster-scoped. */
  #ownerOf(entry: Entry, uid: string): Entry | undefined {
    const owner = this.#find(uid);
    return owner && (owner.namespace === '' || owner.namespace === entry.namespace) ? owner : undefined;
  }

  #waitsForDependents(uid: string): boolean {
    const owner = this.#find(uid);
    return (
      owner?.deleting === true && asStrings(parse(owner).metadata.finalizers).includes(foregroundFinalizer)
    );
  }

  async #foreground(entry: Entry): Promise<void> {
    const all = [...(this.#dependents.get(entry.uid) ?? [])].flatMap((uid) => this.#find(uid) ?? []);
    const blocking = all.filter((dependent) =>
      asList(parse(dependent).metadata.ownerReferences).some(
        (r) => r.uid === entry.uid && r.blockOwnerDeletion === true,
      ),
    );
    for (const dependent of all) if (!dependent.deleting) this.#queue.add(dependent.uid);
    if (blocking.length === 0) await this.#dropFinalizer(entry, foregroundFinalizer);
  }

  async #orphan(entry: Entry): Promise<void> {
    for (const uid of [...(this.#dependents.get(entry.uid) ?? [])]) {
      const dependent = this.#find(uid);
      if (dependent) await this.#removeReferences(dependent, [entry.uid]);
    }
    await this.#dropFinalizer(entry, orphanFinalizer);
  }

  #removeReferences(entry: Entry, owners: readonly string[]): Promise<void> {
    return this.#change(entry, (live) => {
      const rest = (live.metadata.ownerReferences ?? []).filter(
        (reference) => !owners.includes(reference.uid),
      );
      if (rest.length > 0) live.metadata.ownerReferences = rest;
      else delete live.metadata.ownerReferences;
    });
  }

  #dropFinalizer(entry: Entry, finalizer: string): Promise<void> {
    return this.#change(entry, (live) => {
      live.metadata.finalizers = asStrings(live.metadata.finalizers).filter((name) => name !== finalizer);
    });
  }

  async #change(entry: Entry, change: (live: Item) => void): Promise<void> {
    await this.#api
      .update(entry.table, entry.namespace, entry.name, (live) => {
        if (live.metadata.uid === entry.uid) change(live);
      })
      .catch((error) => {
        if (!isNotFound(error)) throw error;
      });
  }
}
