// Follows one object by its name, so that reading it costs no request. It lists and watches that name only, which
// RBAC can permit by name (the authorizer reads the name from the field selector). Knows no kind.

import type { Clock } from '../runtime/clock.ts';
import { ObjectCache } from './cache.ts';
import type { ChangeHandler } from './change-feed.ts';
import type { Client } from './client.ts';
import { joinKey, type KubeObject, type Resource } from './objects.ts';
import { Reflector, type ReflectorOptions } from './reflector.ts';

export interface NamedObjectOptions<T extends KubeObject> {
  client: Client;
  clock: Clock;
  resource: Resource<T>;
  /** Absent for a cluster-scoped object. */
  namespace?: string;
  name: string;
  onError?: NonNullable<ReflectorOptions<T>['onError']>;
  onHandlerError?(error: unknown): void;
}

/** In ms. No live watch is silent for longer, because the server ends it after ten minutes at most (reflector.ts). */
const longestSilence = 11 * 60_000;

export class NamedObject<T extends KubeObject> {
  readonly #clock: Clock;
  readonly #cache: ObjectCache<T>;
  readonly #reflector: Reflector<T>;
  readonly #key: string;

  constructor({ name, onHandlerError, ...options }: NamedObjectOptions<T>) {
    const { clock, namespace = '' } = options;
    this.#clock = clock;
    this.#key = joinKey(namespace, name);
    this.#cache = new ObjectCache<T>(onHandlerError ? { onHandlerError } : {});
    this.#reflector = new Reflector<T>({
      ...options,
      cache: this.#cache,
      fieldSelector: `metadata.name=${name}`,
    });
  }

  /** The object as last received. Undefined when it does not exist, and before `isKnown`. */
  get(): T | undefined {
    return this.#cache.get(this.#key);
  }

  /** Whether the server has answered about it at all. */
  get isKnown(): boolean {
    return this.#cache.isSynced;
  }

  /** Whether the server was heard within the longest time that a watch may be silent. */
  get isFresh(): boolean {
    return this.isKnown && this.#clock.monotonic() - this.#reflector.lastActivity < longestSilence;
  }

  onChange(handler: ChangeHandler<T>): () => void {
    return this.#cache.onChange(handler);
  }

  /** Adds the answer to a write of our own. */
  observe(object: T): void {
    this.#cache.observe(object);
  }

  /** Resolves when the object is known, or when `signal` aborts or `stop` is called before that. */
  start(signal: AbortSignal): Promise<void> {
    return this.#reflector.start(signal);
  }

  stop(): Promise<void> {
    return this.#reflector.stop();
  }
}
