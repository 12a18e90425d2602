// A model of the API server's storage: objects by key, one revision for all, compare-and-swap, uids, finalizers,
// and the log that watches read. Synchronous; what is slow or lost on the way is client.ts.
import { SpikeGoods } from '../../src/api/spike-goods.ts';
import { SpikeOrder } from '../../src/api/spike-order.ts';
import type { WatchEvent } from '../../src/kube/client.ts';
import { ApiError } from '../../src/kube/errors.ts';
import { type KubeObject, keyOf, type Resource } from '../../src/kube/objects.ts';
import { same } from '../../src/kube/same.ts';
import { remainderOf } from '../../src/ledger/stock-draft.ts';
import type { SimulatedClock } from '../simulated-clock.ts';

export interface Watcher {
  goodsStored(before: SpikeGoods | undefined, after: SpikeGoods | undefined): void;
  orderStored(before: SpikeOrder | undefined, after: SpikeOrder | undefined): void;
  /** A write that the schema's minimum of 0 refused. */
  refusedNegative(goods: SpikeGoods): void;
}

export class Collection<T extends KubeObject> {
  readonly resource: Resource<T>;
  readonly objects = new Map<string, T>();
  readonly log: WatchEvent<T>[] = [];

  constructor(resource: Resource<T>) {
    this.resource = resource;
  }
}

/** A copy of what etcd stores, at one moment. */
export interface Backup {
  revision: number;
  collections: { objects: Map<string, KubeObject>; events: number }[];
}

type Stored = KubeObject & { spec?: unknown; status?: unknown };

type Namespace = KubeObject & { status?: { phase?: string } };
const namespaceResource: Resource<Namespace> = {
  ...{ group: '', version: 'v1', kind: 'Namespace', plural: 'namespaces', namespaced: false },
};

export class ApiServer {
  readonly namespaces = new Collection<Namespace>(namespaceResource);
  readonly goods = new Collection<SpikeGoods>(SpikeGoods);
  readonly orders = new Collection<SpikeOrder>(SpikeOrder);
  readonly #clock: SimulatedClock;
  readonly #watcher: Watcher;
  #revision = 100;
  #uids = 0;

  constructor(clock: SimulatedClock, watcher: Watcher) {
    this.#clock = clock;
    this.#watcher = watcher;
    this.createNamespace('shop');
  }

  createNamespace(name: string): void {
    const metadata = { name, uid: this.newUid(), resourceVersion: '', creationTimestamp: '' };
    this.create(this.namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata });
  }

  /** From here on nothing is created in it; who deletes its objects, in any order, is the namespace controller. */
  terminate(name: string): void {
    const before = this.get(this.namespaces, name);
    const deletionTimestamp = new Date(this.#clock.now()).toISOString();
    const metadata = { ...before.metadata, deletionTimestamp, finalizers: ['kubernetes'] };
    this.#store(this.namespaces, before, { ...before, metadata, status: { phase: 'Terminating' } });
  }

  /** The last of its objects is gone. */
  removeNamespace(name: string): void {
    const before = this.get(this.namespaces, name);
    this.#remove(this.namespaces, before, before);
  }

  isTerminating(name: string): boolean {
    return this.namespaces.objects.get(name)?.metadata.deletionTimestamp !== undefined;
  }

  get revision(): string {
    return String(this.#revision);
  }

  /** It answers nothing: etcd is being restored. */
  isDown = false;
  /** Started anew so often: what was under way before is gone. */
  starts = 0;

  backUp(): Backup {
    const collections = this.#all().map(({ objects, log }) => ({
      objects: new Map<string, KubeObject>(objects),
      events: log.length,
    }));
    return { revision: this.#revision, collections };
  }

  /**
   * As its documentation wants it, with the API server stopped meanwhile. `isRaised`: with --bump-revision. `others`:
   * writes of other programs until our replicas hear of it.
   */
  restore({ revision, collections }: Backup, isRaised: boolean, others: number): void {
    for (const [index, { objects, log }] of this.#all().entries()) {
      const backup = collections[index]!;
      objects.clear();
      for (const [key, object] of backup.objects) objects.set(key, object);
      log.length = backup.events;
    }
    this.#revision = revision + (isRaised ? 1_000_000 : 0) + others;
    this.isDown = false;
    // Nothing that was sent while it was stopped reaches the new one.
    this.starts++;
  }

  #all(): Collection<KubeObject>[] {
    return [this.goods, this.orders, this.namespaces] as unknown as Collection<KubeObject>[];
  }

  /** The Date header of an answer that is sent now: whole seconds. */
  get date(): string {
    return new Date(this.#clock.now()).toUTCString();
  }

  newUid(): string {
    this.#uids++;
    return `00000000-0000-4000-8000-${this.#uids.toString(16).padStart(12, '0')}`;
  }

  collection<T extends KubeObject>(resource: Resource<T>): Collection<T> {
    const all = [this.goods, this.orders, this.namespaces] as unknown as Collection<T>[];
    const found = all.find((collection) => collection.resource.plural === resource.plural);
    if (!found) throw new Error(`the model has no ${resource.plural}`);
    return found;
  }

  get<T extends KubeObject>({ objects, resource }: Collection<T>, key: string): T {
    const found = objects.get(key);
    if (!found)
      throw new ApiError(404, { reason: 'NotFound', message: `${resource.plural} "${key}" not found` });
    return found;
  }

  /** An object at a revision of this history. */
  asItWas<T extends KubeObject>(resource: Resource<T>, key: string, revision: string): T | undefined {
    const { log } = this.collection(resource);
    const last = log.findLast(
      (event) =>
        event.type !== 'BOOKMARK' &&
        keyOf(event.object) === key &&
        Number(event.object.metadata.resourceVersion) <= Number(revision),
    );
    return last?.type === 'DELETED' ? undefined : (last?.object as T | undefined);
  }

  /** `object` has its uid, as after admission. */
  create<T extends KubeObject>(collection: Collection<T>, object: T): T {
    if (collection.objects.has(keyOf(object))) {
      throw new ApiError(409, { reason: 'AlreadyExists', message: `"${keyOf(object)}" already exists` });
    }
    if (object.metadata.namespace && this.isTerminating(object.metadata.namespace)) {
      throw new ApiError(403, { reason: 'Forbidden', message: 'its namespace is being terminated' });
    }
    return this.#store(collection, undefined, {
      ...object,
      metadata: {
        ...object.metadata,
        generation: 1,
        creationTimestamp: new Date(Math.floor(this.#clock.now() / 1000) * 1000).toISOString(),
      },
    });
  }

  /** PUT, of the object without its status or of the status alone. */
  replace<T extends KubeObject>(collection: Collection<T>, object: T, subresource?: string): T {
    const before = this.get<Stored>(collection as unknown as Collection<Stored>, keyOf(object)) as T & Stored;
    const { uid, resourceVersion } = object.metadata;
    if (before.metadata.uid !== uid || before.metadata.resourceVersion !== resourceVersion) {
      throw new ApiError(409, { reason: 'Conflict', message: `"${keyOf(object)}" has been modified` });
    }
    const incoming = object as T & Stored;
    const after: T & Stored =
      subresource === 'status'
        ? this.#admitStatus({ ...before, status: incoming.status })
        : { ...incoming, metadata: this.#nextMeta(before, incoming), status: before.status };
    // A write that changes nothing makes no revision and no event.
    if (same(before, after)) return before;
    const { deletionTimestamp, finalizers = [] } = after.metadata;
    if (deletionTimestamp && finalizers.length === 0) return this.#remove(collection, before, after);
    return this.#store(collection, before, after);
  }

  delete<T extends KubeObject>(collection: Collection<T>, object: T): void {
    const before = this.get(collection, keyOf(object));
    if (before.metadata.resourceVersion !== object.metadata.resourceVersion) {
      throw new ApiError(409, { reason: 'Conflict', message: `"${keyOf(object)}" has been modified` });
    }
    if (!before.metadata.finalizers?.length) this.#remove(collection, before, before);
    else if (!before.metadata.deletionTimestamp) {
      const deletionTimestamp = new Date(this.#clock.now()).toISOString();
      this.#store(collection, before, { ...before, metadata: { ...before.metadata, deletionTimestamp } });
    }
  }

  #nextMeta(before: Stored, after: Stored): Stored['metadata'] {
    const { generation = 1, deletionTimestamp } = before.metadata;
    return {
      ...after.metadata,
      generation: same(before.spec, after.spec) ? generation : generation + 1,
      ...(deletionTimestamp ? { deletionTimestamp } : {}),
    };
  }

  /** What the mutating webhook on the status does, and then the schema. */
  #admitStatus<T extends Stored>(object: T): T {
    if (object.kind !== SpikeGoods.kind) return object;
    const goods = object as unknown as SpikeGoods;
    const lastStockCount = remainderOf(goods.spec.stockCount, goods.status);
    if (lastStockCount < 0) {
      this.#watcher.refusedNegative(goods);
      const message = 'status.lastStockCount: should be greater than or equal to 0';
      throw new ApiError(422, { reason: 'Invalid', message });
    }
    return { ...object, status: { ...goods.status, lastStockCount } };
  }

  #store<T extends KubeObject>(collection: Collection<T>, before: T | undefined, after: T): T {
    const stored = { ...after, metadata: { ...after.metadata, resourceVersion: String(++this.#revision) } };
    collection.objects.set(keyOf(stored), stored);
    collection.log.push({ type: before ? 'MODIFIED' : 'ADDED', object: stored });
    this.#tell(before, stored);
    return stored;
  }

  #remove<T extends KubeObject>(collection: Collection<T>, before: T, last: T): T {
    const gone = { ...last, metadata: { ...last.metadata, resourceVersion: String(++this.#revision) } };
    collection.objects.delete(keyOf(before));
    collection.log.push({ type: 'DELETED', object: gone });
    this.#tell(before, undefined);
    return gone;
  }

  #tell(before: KubeObject | undefined, after: KubeObject | undefined): void {
    const { kind } = (before ?? after)!;
    if (kind === SpikeGoods.kind) {
      this.#watcher.goodsStored(before as SpikeGoods | undefined, after as SpikeGoods | undefined);
    } else if (kind === SpikeOrder.kind) {
      this.#watcher.orderStored(before as SpikeOrder | undefined, after as SpikeOrder | undefined);
    }
  }
}
