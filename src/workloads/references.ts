// Objects that owners only refer to (a ConfigMap or a Secret of an environment variable): each is followed by its
// name, as long as an owner refers to it, and wakes those owners. Nothing else of those kinds is read or kept.
// Knows no owner's kind.
import { ObjectCache } from '../kube/cache.ts';
import type { Client } from '../kube/client.ts';
import { joinKey, type KubeObject, type Resource } from '../kube/objects.ts';
import { Reflector } from '../kube/reflector.ts';
import { type Clock, sleep } from '../runtime/clock.ts';
import type { Log } from '../runtime/log.ts';

export interface Reference {
  kind: 'ConfigMap' | 'Secret';
  namespace: string;
  name: string;
}

export interface Referenced extends KubeObject {
  data?: Record<string, string>;
}

const resources: Record<Reference['kind'], Resource<Referenced>> = {
  ConfigMap: { group: '', version: 'v1', kind: 'ConfigMap', plural: 'configmaps', namespaced: true },
  Secret: { group: '', version: 'v1', kind: 'Secret', plural: 'secrets', namespaced: true },
};

/** Time that the first look at an object may take, in ms. */
const firstLookMs = 5_000;

interface Followed {
  cache: ObjectCache<Referenced>;
  reflector: Reflector<Referenced>;
  owners: Set<string>;
  isKnown: boolean;
  known: Promise<unknown>;
}

export interface ReferencesOptions {
  client: Client;
  clock: Clock;
  log: Log;
  wake(owner: string): void;
}

const idOf = ({ kind, namespace, name }: Reference): string => `${kind} ${joinKey(namespace, name)}`;

export class References {
  readonly #options: ReferencesOptions;
  readonly #followed = new Map<string, Followed>();
  readonly #byOwner = new Map<string, Set<string>>();
  readonly #stop = new AbortController();

  constructor(options: ReferencesOptions) {
    this.#options = options;
  }

  /**
   * Follows exactly these for the owner, and resolves when each is known. Rejects when that takes too long: what is
   * not known must not be taken for absent.
   */
  async follow(owner: string, references: readonly Reference[]): Promise<void> {
    const wanted = new Map(references.map((it) => [idOf(it), it]));
    for (const id of this.#byOwner.get(owner) ?? []) if (!wanted.has(id)) this.#leave(owner, id);
    if (wanted.size === 0) return void this.#byOwner.delete(owner);
    this.#byOwner.set(owner, new Set(wanted.keys()));
    for (const [id, reference] of wanted) {
      const followed = this.#followed.get(id) ?? this.#begin(id, reference);
      followed.owners.add(owner);
    }
    await Promise.all([...wanted].map(([id]) => this.#whenKnown(id)));
  }

  get(reference: Reference): Referenced | undefined {
    const { namespace, name } = reference;
    return this.#followed.get(idOf(reference))?.cache.get(joinKey(namespace, name));
  }

  /** What we have just written ourselves. */
  observe(reference: Reference, object: Referenced): void {
    this.#followed.get(idOf(reference))?.cache.observe(object);
  }

  forget(owner: string): void {
    for (const id of this.#byOwner.get(owner) ?? []) this.#leave(owner, id);
    this.#byOwner.delete(owner);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.all([...this.#followed.values()].map(({ reflector }) => reflector.stop()));
  }

  #begin(id: string, { kind, namespace, name }: Reference): Followed {
    const { client, clock, log, wake } = this.#options;
    const cache = new ObjectCache<Referenced>({
      onHandlerError: (error) => log.error({ err: error }, 'cache handler failed'),
    });
    const reflector = new Reflector<Referenced>({
      ...{ client, clock, cache, namespace, resource: resources[kind] },
      fieldSelector: `metadata.name=${name}`,
      onError: (error, info) =>
        log.warn(
          { err: (error as Error).message, ...{ kind, namespace, name }, ...info },
          'following failed',
        ),
    });
    const followed: Followed = {
      ...{ cache, reflector, owners: new Set<string>(), isKnown: false },
      known: Promise.resolve(),
    };
    this.#followed.set(id, followed);
    cache.onChange(({ source }) => {
      if (followed.isKnown && source !== 'observe') for (const owner of followed.owners) wake(owner);
    });
    followed.known = reflector.start(this.#stop.signal).then(() => {
      followed.isKnown = true;
    });
    return followed;
  }

  async #whenKnown(id: string): Promise<void> {
    const followed = this.#followed.get(id);
    if (!followed || followed.isKnown) return;
    await Promise.race([followed.known, sleep(this.#options.clock, firstLookMs, this.#stop.signal)]);
    if (!followed.isKnown) throw new Error(`${id} could not be read`);
  }

  #leave(owner: string, id: string): void {
    const followed = this.#followed.get(id);
    if (!followed) return;
    followed.owners.delete(owner);
    if (followed.owners.size > 0) return;
    this.#followed.delete(id);
    void followed.reflector.stop();
  }
}
