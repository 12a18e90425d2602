// Keeps an ObjectCache up to date with one reflector, or, where only some namespaces are followed, with one for each of
// them. Knows no kind.
import type { ObjectCache } from './cache.ts';
import type { KubeObject, Resource } from './objects.ts';
import { Reflector, type ReflectorOptions } from './reflector.ts';

export interface FollowedOptions<T extends KubeObject>
  extends Omit<ReflectorOptions<T>, 'cache' | 'namespace'> {
  cache: ObjectCache<T>;
  /** The namespaces for which the cache was made. Empty: all. */
  namespaces: readonly string[];
}

/** A Component of runtime/manager.ts. */
export class Followed<T extends KubeObject> {
  readonly name: string;
  readonly resource: Resource<T>;
  readonly #reflectors: readonly Reflector<T>[];

  constructor({ namespaces, cache, ...options }: FollowedOptions<T>) {
    const { resource } = options;
    this.name = `cache ${resource.plural}`;
    this.resource = resource;
    this.#reflectors =
      namespaces.length === 0
        ? [new Reflector({ ...options, cache })]
        : namespaces.map((name) => {
            // A Namespace object is watched by its name. RBAC can permit that for one name only.
            const where = resource.namespaced
              ? { namespace: name }
              : { fieldSelector: `metadata.name=${name}` };
            return new Reflector({ ...options, ...where, cache: cache.feedOf(name) });
          });
  }

  /** Resolves when the cache is synced, or when `signal` aborts or `stop` is called before that. */
  async start(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#reflectors.map((reflector) => reflector.start(signal)));
  }

  async stop(): Promise<void> {
    await Promise.all(this.#reflectors.map((reflector) => reflector.stop()));
  }

  ready(): { ok: boolean; why?: string } {
    return this.#reflectors.map((reflector) => reflector.ready()).find(({ ok }) => !ok) ?? { ok: true };
  }

  /** Calls Reflector.resync for every namespace. */
  async resync(): Promise<void> {
    await Promise.all(this.#reflectors.map((reflector) => reflector.resync()));
  }

  retryNow(): void {
    for (const reflector of this.#reflectors) reflector.retryNow();
  }

  /** Why a watch is broken at the moment; undefined when none is. */
  get trouble(): string | undefined {
    return this.#reflectors.map(({ trouble }) => trouble).find((it) => it !== undefined);
  }

  /** When the server last sent anything on the watch that has been silent longest. Monotonic ms. */
  get lastActivity(): number {
    return Math.min(...this.#reflectors.map(({ lastActivity }) => lastActivity));
  }
}
