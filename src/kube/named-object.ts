// One object, followed by its name: what it is now, without asking. A list and a watch of that name only, which RBAC
// can permit by name (the authorizer reads it from the field selector). Knows no kind.

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
  /** Absent for an object of the cluster. */
  namespace?: string;
  name: string;
  onError?: NonNullable<ReflectorOptions<T>['onError']>;
  onHandlerError?(error: unknown): void;
}

/** No watch lives longer without a word: its server ends it after ten minutes at most (reflector.ts). */
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

  /** As last heard of; undefined where there is none, and before `isKnown`. */
  get(): T | undefined {
    return this.#cache.get(this.#key);
  }

  /** Whether the server has been heard about it at all. */
  get isKnown(): boolean {
    return this.#cache.isSynced;
  }

  /** Whether what is known is news: the server has been heard since the longest time that a watch may be silent. */
  get isFresh(): boolean {
    return this.isKnown && this.#clock.monotonic() - this.#reflector.lastActivity < longestSilence;
  }

  onChange(handler: ChangeHandler<T>): () => void {
    return this.#cache.onChange(handler);
  }

  /** Takes in the answer to a write of our own. */
  observe(object: T): void {
    this.#cache.observe(object);
  }

  /** Resolves when it is known, or when `signal` aborts or `stop` is called before that. */
  start(signal: AbortSignal): Promise<void> {
    return this.#reflector.start(signal);
  }

  stop(): Promise<void> {
    return this.#reflector.stop();
  }
}
