// The objects of one kind, as this process knows them, by key and uid, with named indexes. A reflector and the
// answers to our own writes feed it. Does not know the API server or any kind, and never mutates an object.

import { type CacheFeed, everywhere, placeOf, Share } from './cache-feed.ts';
import { type Change, ChangeFeed, type ChangeHandler, type Source } from './change-feed.ts';
import type { WatchEvent } from './client.ts';
import { IndexMap } from './index-map.ts';
import { isNewer, type KubeObject, keyOf } from './objects.ts';
import type { Rewind } from './rewind.ts';
import { same } from './same.ts';

export type { Change, ChangeHandler } from './change-feed.ts';

export interface ObjectCacheOptions {
  /**
   * The only namespaces that are followed, each by a reflector of its own (`feedOf`). Empty or absent: one reflector
   * follows all. For a cluster-scoped kind (Namespace), the list has the names of the objects that are followed.
   */
  namespaces?: readonly string[];
  /** Freezes every object deeply. For tests only: it costs more than the cache itself. */
  freeze?: boolean;
  /** Called when a handler or an index function throws. The cache and the other handlers go on. */
  onHandlerError?(error: unknown): void;
}

interface Index<T> {
  values: (object: T) => string[];
  map: IndexMap;
}

/** The newest change that a cache has seen. */
export interface LastChange {
  /** As stored at `revision`; as it was before, when it is deleted. */
  object: KubeObject;
  revision: number;
  /** The object was deleted at `revision`. */
  isDeleted: boolean;
}

// Tombstones reject events that the watch delivers again around a reconnect. That happens within minutes, so a
// bounded number is enough.
const maxTombstones = 10_000;

/**
 * Two sources write here. The reflector delivers list and watch in the server's order (`replaceAll`, `apply`).
 * `observe` adds the answers to our own writes, often before the watch does and sometimes long after. The order of
 * arrival decides nothing. These rules do:
 *
 * - For one uid, the greater resourceVersion wins.
 * - For two uids under one name, the greater resourceVersion wins: the name was used again for a later object.
 * - `frontier` is the resourceVersion up to which the reflector has delivered everything, one for each reflector. An
 *   observed object that is not in the cache and is not newer than the frontier has been deleted. Adding it would leak it, because no
 *   further event about it will come.
 * - A tombstone says the same of one deleted object. It rejects events that the reflector itself repeats.
 * - A list overrides these rules, because etcd may have been restored from a backup. It replaces every version up to
 *   the list's own resourceVersion, and brings deleted objects back. A list that is older than what the cache had
 *   seen before the request replaces everything, and so does the first list after `distrust`.
 */
export class ObjectCache<T extends KubeObject> implements CacheFeed<T> {
  readonly synced: Promise<void>;
  readonly #byKey = new Map<string, T>();
  readonly #byUid = new Map<string, T>();
  readonly #indexes = new Map<string, Index<T>>();
  /** By uid, the resourceVersion of the deletion; oldest first. */
  readonly #tombstones = new Map<string, number>();
  readonly #changes: ChangeFeed<T>;
  readonly #freeze: boolean;
  readonly #onHandlerError: ((error: unknown) => void) | undefined;
  readonly #rewindHandlers = new Set<(rewind: Rewind | undefined) => void>();
  #lastChange: LastChange | undefined;
  /** How far each reflector is: by namespace that it follows, or one under `everywhere` (cache-feed.ts). */
  readonly #shares: ReadonlyMap<string, Share>;

  constructor(opts: ObjectCacheOptions = {}) {
    this.#freeze = opts.freeze ?? false;
    this.#onHandlerError = opts.onHandlerError;
    this.#changes = new ChangeFeed(opts.onHandlerError);
    const followed = opts.namespaces?.length ? opts.namespaces : [everywhere];
    this.#shares = new Map(followed.map((namespace) => [namespace, new Share()]));
    const [first, ...others] = [...this.#shares.values()].map(({ synced }) => synced);
    this.synced = others.length === 0 ? first! : Promise.all([first, ...others]).then(() => undefined);
  }

  get size(): number {
    return this.#byKey.size;
  }

  /** Whether a whole list is in the cache and its change handlers have run. `synced` resolves then. */
  get isSynced(): boolean {
    return [...this.#shares.values()].every(({ isSynced }) => isSynced);
  }

  /** The cache has everything up to this resourceVersion. */
  get frontier(): number {
    return Math.min(...[...this.#shares.values()].map(({ frontier }) => frontier));
  }

  get(key: string): T | undefined {
    return this.#byKey.get(key);
  }

  getByUid(uid: string): T | undefined {
    return this.#byUid.get(uid);
  }

  list(): T[] {
    return [...this.#byKey.values()];
  }

  keys(): IterableIterator<string> {
    return this.#byKey.keys();
  }

  values(): IterableIterator<T> {
    return this.#byKey.values();
  }

  /** `values` must be pure: it is called again with the old object to remove it from the index. */
  addIndex(name: string, values: (object: T) => string[]): void {
    if (this.#indexes.has(name)) throw new Error(`there is an index "${name}" already`);
    const index: Index<T> = { values, map: new IndexMap() };
    this.#indexes.set(name, index);
    for (const [key, object] of this.#byKey) {
      for (const value of this.#valuesOf(index, object)) index.map.add(value, key);
    }
  }

  byIndex(name: string, value: string): T[] {
    const objects: T[] = [];
    for (const key of this.#index(name).map.keys(value)) objects.push(this.#byKey.get(key)!);
    return objects;
  }

  /** The keys of the objects under `value`. Valid until the next change. */
  keysByIndex(name: string, value: string): Iterable<string> {
    return this.#index(name).map.keys(value);
  }

  /** Number of objects under `value`, in O(1). */
  countByIndex(name: string, value: string): number {
    return this.#index(name).map.count(value);
  }

  /** The values under which there is an object. */
  indexValues(name: string): IterableIterator<string> {
    return this.#index(name).map.values();
  }

  /** Calls handlers synchronously, in the order of the changes. Returns a function that unsubscribes. */
  onChange(handler: ChangeHandler<T>): () => void {
    return this.#changes.on(handler);
  }

  /** Adds the answer to a write of our own. Returns true when it changed the cache. */
  observe(object: T): boolean {
    const known = this.#byUid.has(object.metadata.uid);
    if (!known && revision(object) <= this.#frontierAt(object)) return false;
    const taken = this.#put(object, 'observe');
    this.#changes.dispatch();
    return taken;
  }

  /** The part of this cache that one reflector fills: the objects of one of the followed namespaces. */
  feedOf(namespace: string): CacheFeed<T> {
    const share = this.#share(namespace);
    return {
      synced: share.synced,
      get isSynced() {
        return share.isSynced;
      },
      get newest() {
        return share.newest;
      },
      apply: (event) => this.#apply(share, event),
      replaceAll: (items, listed, seenBefore) => this.#replace(namespace, items, listed, seenBefore),
    };
  }

  /** Applies an event of the watch. */
  apply(event: WatchEvent<T>): void {
    this.#apply(this.#share(everywhere), event);
  }

  #apply(share: Share, event: WatchEvent<T>): void {
    if (event.type === 'DELETED') this.#delete(event.object);
    else if (event.type !== 'BOOKMARK') this.#put(event.object, 'watch');
    share.frontier = Math.max(share.frontier, revision(event.object));
    share.newest = Math.max(share.newest, share.frontier);
    this.#changes.dispatch();
  }

  /** The greatest resourceVersion that this cache has seen. */
  get newest(): number {
    return Math.max(...[...this.#shares.values()].map(({ newest }) => newest));
  }

  /**
   * The newest change that was seen. kube/history.ts looks for it on the server: where it is missing, the server's
   * history is another one.
   */
  get lastChange(): LastChange | undefined {
    return this.#lastChange;
  }

  /** The server's history went back: the next list replaces everything, whatever its revision. */
  distrust(): void {
    for (const share of this.#shares.values()) share.isDistrusted = true;
  }

  /**
   * `handler` runs when the server's history went back, before the change handlers. It receives what a list has
   * replaced. It receives undefined when no list has shown the restore but another answer (`contradicted`): the cache
   * is still unchanged, and a list must follow. Returns a function that unsubscribes.
   */
  onRewind(handler: (rewind: Rewind | undefined) => void): () => void {
    this.#rewindHandlers.add(handler);
    return () => this.#rewindHandlers.delete(handler);
  }

  /** Call it when an answer is older than what this process had seen before it sent the request. */
  contradicted(): void {
    for (const handler of this.#rewindHandlers) handler(undefined);
  }

  /**
   * Replaces the contents by a whole, consistent list. An object that is missing from the list is removed, unless it
   * was observed after the list was made. Handlers run when the whole list is in the cache, so they never see half
   * of it. `seenBefore`: the value of `newest` when the list was requested. An older list shows that history went
   * back.
   */
  replaceAll(items: T[], listResourceVersion: string, seenBefore?: number): void {
    this.#replace(everywhere, items, listResourceVersion, seenBefore);
  }

  /** Removes every object, and calls handlers as for deletions. For a kind that is not followed any more. */
  empty(): void {
    for (const [namespace, { frontier }] of this.#shares) this.#replace(namespace, [], String(frontier));
  }

  #replace(namespace: string, items: T[], listResourceVersion: string, seenBefore = 0): void {
    const share = this.#share(namespace);
    const listed = Number(listResourceVersion);
    const from = Math.max(seenBefore, share.frontier);
    const isOlder = listed < from || share.isDistrusted;
    share.isDistrusted = false;
    // The list replaces cached versions up to this resourceVersion.
    const upTo = isOlder ? Number.POSITIVE_INFINITY : listed;
    // What a Rewind reports (rewind.ts). `wentBack`: its `older`.
    const [lost, wentBack, returned]: T[][] = [[], [], []];
    const uids = new Set<string>();
    for (const item of items) {
      const { uid } = item.metadata;
      uids.add(uid);
      const old = this.#byUid.get(uid);
      if (this.#tombstones.delete(uid) && !old) returned!.push(item);
      if (this.#put(item, 'list', upTo) && old && !isNewer(item, old)) wentBack!.push(item);
    }
    for (const object of this.#byUid.values()) {
      if (uids.has(object.metadata.uid) || revision(object) > upTo) continue;
      if (namespace !== everywhere && placeOf(object) !== namespace) continue;
      lost!.push(object);
      this.#remove(object, object, listed, 'list');
    }
    if (isOlder) {
      this.#tombstones.clear();
      share.newest = listed;
      this.#lastChange = undefined;
      for (const object of this.#byUid.values()) this.#changedAt(object, revision(object), false);
    } else share.newest = Math.max(share.newest, listed);
    share.frontier = listed;
    if (isOlder || wentBack!.length + returned!.length > 0) {
      const rewind = { from, to: listed, lost: lost!, older: wentBack!, returned: returned! };
      for (const handler of this.#rewindHandlers) handler(rewind);
    }
    this.#changes.dispatch();
    if (!share.isSynced) {
      share.isSynced = true;
      share.setSynced();
    }
  }

  #share(namespace: string): Share {
    const share = this.#shares.get(namespace);
    if (!share) throw new Error(`namespace "${namespace}" is not among those that are followed`);
    return share;
  }

  /** Infinity for an object that no reflector follows. It is never added: no event would report its deletion. */
  #frontierAt(object: T): number {
    return this.#shareOf(object)?.frontier ?? Number.POSITIVE_INFINITY;
  }

  #shareOf(object: T): Share | undefined {
    return this.#shares.get(everywhere) ?? this.#shares.get(placeOf(object));
  }

  /**
   * A list passes `upTo` and overrides tombstones. It replaces cached versions up to `upTo`, even by older ones.
   * Returns true when the cache has changed.
   */
  #put(incoming: T, source: Source, upTo = Number.NEGATIVE_INFINITY): boolean {
    const { uid, resourceVersion } = incoming.metadata;
    const old = this.#byUid.get(uid);
    const yields = (known: T) => revision(known) <= upTo;
    // Keep the cached version unless the incoming one is newer. A cached version that yields to a list stays only when
    // it has the same resourceVersion.
    if (old && (yields(old) ? old.metadata.resourceVersion === resourceVersion : !isNewer(incoming, old))) {
      // After a restore, the same resourceVersion may belong to other contents. So compare the contents too.
      if (upTo !== Number.POSITIVE_INFINITY || isAlike(old, incoming)) return false;
    }
    if (!old && source !== 'list' && revision(incoming) <= (this.#tombstones.get(uid) ?? -1)) return false;
    const key = keyOf(incoming);
    const other = this.#byKey.get(key);
    if (other && other !== old) {
      if (!yields(other) && isNewer(other, incoming)) return false;
      this.#remove(other, other, revision(incoming), source);
    }
    const object = this.#enter(incoming);
    const share = this.#shareOf(incoming);
    if (share) share.newest = Math.max(share.newest, revision(incoming));
    this.#changedAt(object, revision(object), false);
    this.#byKey.set(key, object);
    this.#byUid.set(uid, object);
    this.#reindex(key, old, object);
    const change: Change<T> = old
      ? { type: 'updated', object, old, source }
      : { type: 'added', object, source };
    this.#changes.push(change);
    return true;
  }

  #delete(last: T): void {
    const { uid } = last.metadata;
    const old = this.#byUid.get(uid);
    // The cached version is newer than this deletion, so keep it. A watch with a selector says DELETED when an object
    // leaves the selection, and the object may have returned since.
    if (old && isNewer(old, last)) return;
    if (old) this.#remove(old, this.#enter(last), revision(last), 'watch');
    else this.#bury(uid, revision(last));
  }

  #remove(old: T, last: T, deletedAt: number, source: Source): void {
    const key = keyOf(old);
    this.#byUid.delete(old.metadata.uid);
    this.#byKey.delete(key);
    this.#reindex(key, old, undefined);
    this.#bury(old.metadata.uid, deletedAt);
    this.#changedAt(old, deletedAt, true);
    this.#changes.push({ type: 'deleted', object: last, old, source });
  }

  #changedAt(object: T, revision: number, isDeleted: boolean): void {
    if (revision >= (this.#lastChange?.revision ?? 0)) this.#lastChange = { object, revision, isDeleted };
  }

  #bury(uid: string, deletedAt: number): void {
    this.#tombstones.delete(uid);
    this.#tombstones.set(uid, deletedAt);
    if (this.#tombstones.size <= maxTombstones) return;
    // Drops the oldest quarter at once. Finding the first key of a Map steps over deleted entries, so dropping one
    // at a time would be quadratic.
    const oldest = this.#tombstones.keys();
    for (let i = 0; i < maxTombstones / 4; i++) this.#tombstones.delete(oldest.next().value!);
  }

  /**
   * Drops managedFields, which are a third of an object and which nothing here reads. Freezes the object where
   * asked.
   */
  #enter(object: T): T {
    let entered = object;
    if (object.metadata.managedFields) {
      const { managedFields: _, ...metadata } = object.metadata;
      entered = { ...object, metadata };
    }
    return this.#freeze ? deepFreeze(entered) : entered;
  }

  #reindex(key: string, old: T | undefined, object: T | undefined): void {
    for (const index of this.#indexes.values()) {
      const before = old ? this.#valuesOf(index, old) : [];
      const after = object ? this.#valuesOf(index, object) : [];
      for (const value of before) if (!after.includes(value)) index.map.remove(value, key);
      for (const value of after) if (!before.includes(value)) index.map.add(value, key);
    }
  }

  #valuesOf(index: Index<T>, object: T): string[] {
    try {
      return index.values(object);
    } catch (error) {
      // One malformed object must not stop the cache. It gets no entry in this index.
      this.#onHandlerError?.(error);
      return [];
    }
  }

  #index(name: string): Index<T> {
    const index = this.#indexes.get(name);
    if (!index) throw new Error(`there is no index "${name}"`);
    return index;
  }
}

function revision(object: { metadata: { resourceVersion: string } }): number {
  return Number(object.metadata.resourceVersion);
}

/** Whether two objects are equal. Ignores managedFields, which a cache drops. */
export function isAlike(a: KubeObject, b: KubeObject): boolean {
  const plain = ({ metadata: { managedFields: _, ...metadata }, ...object }: KubeObject) => ({
    ...object,
    metadata,
  });
  return same(plain(a), plain(b));
}

function deepFreeze<V>(value: V): V {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const part of Object.values(value)) deepFreeze(part);
  }
  return value;
}
