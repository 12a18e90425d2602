// The API server's way with a client's write: webhooks on any replica, then storage, with time between all of
// them. Follows Kubernetes: a create is judged once, updates and deletes again after every conflict.
import { inUseFinalizer } from '../../src/api/names.ts';
import { SpikeGoods } from '../../src/api/spike-goods.ts';
import { SpikeOrder } from '../../src/api/spike-order.ts';
import type { AdmissionRequest, Operation } from '../../src/kube/admission.ts';
import type { KubeObject } from '../../src/kube/objects.ts';
import type { SimulatedClock } from '../simulated-clock.ts';
import type { Collection } from './api-server.ts';
import type { Checks } from './checks.ts';
import { summary, type Wire } from './client.ts';
import type { Replica } from './replica.ts';

/** What the API server waits for a webhook, and how long a replica takes that to be (ms). */
const webhookLimitMs = 10_000;
const replicaLimitMs = 8_000;
/** The API server gives a create up after this time (requestTimeoutUpperBound). */
const requestLimitMs = 34_000;
/** etcd stores what it was given in time so much later. */
const etcdLimitMs = 7000;

export interface FrontDoorOptions {
  wire: Wire;
  clock: SimulatedClock;
  checks: Checks;
  replicas(): Replica[];
  mishaps: Mishaps;
}

/** Probabilities of what happens to a create that our webhook has allowed. */
export interface Mishaps {
  deniedByOthers: number;
  judgedTwice: number;
  answerLost: number;
  /** Other webhooks take 0.2 to 1.7 s. */
  slowOthers: number;
  /** The request takes as long as it may, and so does etcd after that. */
  slowStore: number;
}

export class FrontDoor {
  readonly #options: FrontDoorOptions;
  /** uids of orders that a replica refused: their holds must be given back. */
  readonly refused = new Set<string>();

  constructor(options: FrontDoorOptions) {
    this.#options = options;
  }

  /** kubectl create. Resolves to the stored object, or to why there is none. */
  async createOrder(
    name: string,
    spec: SpikeOrder['spec'],
    bypass = false,
    { user = '', isDenied = () => false }: { user?: string; isDenied?(): boolean } = {},
  ): Promise<SpikeOrder | string> {
    const { wire, clock, checks, mishaps } = this.#options;
    const { server, random, schedule } = wire;
    const began = clock.now();
    const { starts } = server;
    let etcdMs = 0;
    const metadata = {
      ...{ name, namespace: 'shop', uid: server.newUid(), resourceVersion: '' },
      creationTimestamp: new Date(began).toISOString(),
    };
    let order: SpikeOrder = { apiVersion: 'myapp.spike.com/v1', kind: 'SpikeOrder', metadata, spec };
    if (!bypass) {
      await schedule.pause();
      const completed = this.#complete(SpikeOrder, 'CREATE', order, undefined, user);
      if (!completed) return 'no webhook';
      order = completed;
      const calls = random.chance(mishaps.judgedTwice) ? 2 : 1;
      for (let i = 0; i < calls; i++) {
        await schedule.pause();
        const denied = await this.#judge(SpikeOrder, 'CREATE', order, undefined, user);
        if (denied) return denied;
      }
      if (random.chance(mishaps.slowOthers)) {
        const ms = random.int(200, 1700);
        await new Promise<void>((resolve) => clock.after(ms, resolve));
      }
      if (mishaps.slowStore > 0 && random.chance(mishaps.slowStore)) {
        const ms = began + random.int(28_000, requestLimitMs) - clock.now();
        await new Promise<void>((resolve) => clock.after(Math.max(0, ms), resolve));
        etcdMs = random.int(0, etcdLimitMs);
      }
      if (isDenied() || random.chance(mishaps.deniedByOthers)) return 'denied by another webhook';
      checks.admitted.add(metadata.uid);
    }
    await schedule.pause();
    if (clock.now() - began > requestLimitMs) return 'request timeout';
    if (etcdMs > 0) {
      const sentAt = clock.now();
      await new Promise<void>((resolve) => clock.after(etcdMs, resolve));
      if (clock.now() - sentAt > etcdLimitMs) return 'etcd gave up';
    }
    if (server.isDown || server.starts !== starts) return 'the API server is gone';
    try {
      const stored = server.create(server.orders, order);
      wire.note('stored', summary(stored), bypass ? 'past admission' : '');
      return stored;
    } catch (error) {
      return (error as Error).message;
    }
  }

  async createGoods(name: string, stockCount: number): Promise<void> {
    const { server, schedule, note } = this.#options.wire;
    const metadata = {
      ...{ name, namespace: 'shop', uid: server.newUid(), resourceVersion: '' },
      creationTimestamp: new Date(this.#options.clock.now()).toISOString(),
      finalizers: [inUseFinalizer],
    };
    const spec = { price: 10, spikePrice: 8, stockCount };
    const goods = { apiVersion: 'myapp.spike.com/v1', kind: 'SpikeGoods', metadata, spec };
    const { starts } = server;
    await schedule.pause();
    const completed = this.#complete(SpikeGoods, 'CREATE', goods);
    if (!completed || (await this.#judge(SpikeGoods, 'CREATE', completed, undefined))) return;
    if (server.isDown || server.starts !== starts || server.goods.objects.has(`shop/${name}`)) return;
    note('stored', summary(server.create(server.goods, completed)));
  }

  editOrder = (name: string, edit: (order: SpikeOrder) => SpikeOrder): Promise<string | undefined> =>
    this.#edit(this.#options.wire.server.orders, SpikeOrder, name, edit);

  editGoods = (name: string, edit: (goods: SpikeGoods) => SpikeGoods): Promise<string | undefined> =>
    this.#edit(this.#options.wire.server.goods, SpikeGoods, name, edit);

  deleteOrder = (name: string): Promise<string | undefined> =>
    this.#delete(this.#options.wire.server.orders, SpikeOrder, name);

  deleteGoods = (name: string): Promise<string | undefined> =>
    this.#delete(this.#options.wire.server.goods, SpikeGoods, name);

  async #edit<T extends KubeObject>(
    collection: Collection<T>,
    kind: Named,
    name: string,
    edit: (object: T) => T,
  ): Promise<string | undefined> {
    const { server, schedule, note } = this.#options.wire;
    const { starts } = server;
    for (let tries = 0; tries < 5; tries++) {
      await schedule.pause();
      if (server.isDown || server.starts !== starts) return 'the API server is gone';
      const old = collection.objects.get(`shop/${name}`);
      if (!old) return 'not found';
      const completed = this.#complete(kind, 'UPDATE', edit(old), old);
      if (!completed) return 'no webhook';
      await schedule.pause();
      const denied = await this.#judge(kind, 'UPDATE', completed, old);
      if (denied) return denied;
      await schedule.pause();
      if (server.isDown || server.starts !== starts) return 'the API server is gone';
      try {
        note('edited', summary(server.replace(collection, completed)));
        return undefined;
      } catch {
        // Lost the race: from the beginning, with the new version.
      }
    }
    return 'conflict';
  }

  async #delete<T extends KubeObject>(
    collection: Collection<T>,
    kind: Named,
    name: string,
  ): Promise<string | undefined> {
    const { server, schedule, note } = this.#options.wire;
    const { starts } = server;
    for (let tries = 0; tries < 5; tries++) {
      await schedule.pause();
      if (server.isDown || server.starts !== starts) return 'the API server is gone';
      const old = collection.objects.get(`shop/${name}`);
      if (!old) return 'not found';
      const denied = await this.#judge(kind, 'DELETE', undefined, old);
      if (denied) return denied;
      await schedule.pause();
      if (server.isDown || server.starts !== starts) return 'the API server is gone';
      try {
        server.delete(collection, old);
        note('deleted', name, old.metadata.uid.slice(-3));
        return undefined;
      } catch {
        // Judged again.
      }
    }
    return 'conflict';
  }

  #complete<T extends KubeObject>(
    kind: Named,
    operation: Operation,
    object: T,
    old?: T,
    user = '',
  ): T | undefined {
    return this.#anyReplica()?.complete(
      this.#request(kind, operation, object, old, user) as AdmissionRequest<T>,
    );
  }

  /** Endpoints may be old: calls reach a process that has just started in the place of another. */
  #anyReplica(): Replica | undefined {
    const awake = this.#options.replicas().filter(({ life }) => life.alive && !life.isPaused);
    return awake.length > 0 ? this.#options.wire.random.pick(awake) : undefined;
  }

  /** Undefined when one replica allowed it; a webhook that does not answer is a refusal (failurePolicy Fail). */
  #judge(
    kind: Named,
    operation: Operation,
    object: KubeObject | undefined,
    old: KubeObject | undefined,
    user = '',
  ): Promise<string | undefined> {
    const { clock, wire, mishaps } = this.#options;
    const { random, schedule, note } = wire;
    const replica = this.#anyReplica();
    if (!replica) return Promise.resolve('no webhook');
    const { uid, name } = (object ?? old)!.metadata;
    return new Promise((resolve) => {
      const end = (why: string | undefined) => {
        giveUp();
        unhook();
        resolve(why);
      };
      const giveUp = clock.after(webhookLimitMs, () => end('the webhook timed out'));
      const unhook = replica.life.onEnd(() => end('the webhook is gone'));
      const answered = (why: string | undefined) => {
        note(replica.life.name, why ? `refused ${why}` : 'allowed', operation, name, uid.slice(-3));
        if (why && operation === 'CREATE') this.refused.add(uid);
        const lost = operation === 'CREATE' && random.chance(mishaps.answerLost);
        schedule.add(() => end(lost ? 'the answer was lost' : why), { hearer: replica.life });
      };
      replica.judge(this.#request(kind, operation, object, old, user), replicaLimitMs).then(
        (response) => answered(response.allowed ? undefined : (response.status?.message ?? 'denied')),
        (error: Error) => answered(error.message),
      );
    });
  }

  #request(
    kind: Named,
    operation: Operation,
    object: KubeObject | undefined,
    old: KubeObject | undefined,
    user: string,
  ): AdmissionRequest {
    const { group, version, plural } = kind;
    return {
      uid: 'review',
      kind: { group, version, kind: kind.kind },
      resource: { group, version, resource: plural },
      name: (object ?? old)!.metadata.name,
      namespace: 'shop',
      operation,
      userInfo: { username: user },
      ...(object ? { object } : {}),
      ...(old ? { oldObject: old } : {}),
    };
  }
}

type Named = Pick<typeof SpikeOrder, 'group' | 'version' | 'kind' | 'plural'>;
