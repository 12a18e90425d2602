// Follows objects that owners only refer to (a ConfigMap or a Secret for an environment variable). Each object is watched
// by its name while an owner refers to it. A change of it wakes these owners. Other objects of these kinds are not read.
// Knows no owner's kind.
import type { Client } from '../kube/client.ts';
import { NamedObject } from '../kube/named-object.ts';
import { joinKey, type KubeObject, type Resource } from '../kube/objects.ts';
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

/** Maximum time of the first read of an object, in ms. */
const firstLookMs = 5_000;

interface Followed {
  object: NamedObject<Referenced>;
  owners: Set<string>;
  /** Resolves when the first list has been read. */
  started: Promise<unknown>;
  /** Message of the last error of its list or watch. */
  lastError?: string;
}

export interface Unread {
  reference: Reference;
  error: Error;
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
   * Follows exactly these references for the owner. Resolves when each object is known or could not be read in time.
   * Returns the references that could not be read. The caller must not treat their objects as absent.
   */
  async follow(owner: string, references: readonly Reference[]): Promise<Unread[]> {
    const wanted = new Map(references.map((it) => [idOf(it), it]));
    for (const id of this.#byOwner.get(owner) ?? []) if (!wanted.has(id)) this.#leave(owner, id);
    if (wanted.size === 0) {
      this.#byOwner.delete(owner);
      return [];
    }
    this.#byOwner.set(owner, new Set(wanted.keys()));
    for (const [id, reference] of wanted) {
      const followed = this.#followed.get(id) ?? this.#begin(id, reference);
      followed.owners.add(owner);
    }
    const unread = await Promise.all(
      [...wanted].map(async ([id, reference]) => {
        const error = await this.#whenKnown(id);
        return error && { reference, error };
      }),
    );
    return unread.filter((it) => it !== undefined);
  }

  get(reference: Reference): Referenced | undefined {
    return this.#followed.get(idOf(reference))?.object.get();
  }

  /** Adds an object that we have just written. */
  observe(reference: Reference, object: Referenced): void {
    this.#followed.get(idOf(reference))?.object.observe(object);
  }

  forget(owner: string): void {
    for (const id of this.#byOwner.get(owner) ?? []) this.#leave(owner, id);
    this.#byOwner.delete(owner);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.all([...this.#followed.values()].map((it) => it.object.stop()));
  }

  #begin(id: string, { kind, namespace, name }: Reference): Followed {
    const { client, clock, log, wake } = this.#options;
    const object = new NamedObject<Referenced>({
      client,
      clock,
      namespace,
      name,
      resource: resources[kind],
      onHandlerError: (error) => log.error({ err: error }, 'cache handler failed'),
      onError: (error, info) => {
        followed.lastError = (error as Error).message;
        log.warn({ err: followed.lastError, kind, namespace, name, ...info }, 'list or watch failed');
      },
    });
    const owners = new Set<string>();
    // The first list does not wake the owners: `follow` waits for it.
    object.onChange(({ source }) => {
      if (object.isKnown && source !== 'observe') for (const owner of owners) wake(owner);
    });
    const followed: Followed = { object, owners, started: Promise.resolve() };
    followed.started = object.start(this.#stop.signal);
    this.#followed.set(id, followed);
    return followed;
  }

  async #whenKnown(id: string): Promise<Error | undefined> {
    const followed = this.#followed.get(id);
    if (!followed || followed.object.isKnown) return undefined;
    await Promise.race([followed.started, sleep(this.#options.clock, firstLookMs, this.#stop.signal)]);
    if (followed.object.isKnown) return undefined;
    return new Error(
      `could not be read: ${followed.lastError ?? `no answer within ${firstLookMs / 1000} s`}`,
    );
  }

  #leave(owner: string, id: string): void {
    const followed = this.#followed.get(id);
    if (!followed) return;
    followed.owners.delete(owner);
    if (followed.owners.size > 0) return;
    this.#followed.delete(id);
    void followed.object.stop();
  }
}
