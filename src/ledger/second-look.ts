// A live read for what the caches do not show: an object that was created a moment ago. Bounded, since anybody
// can name what does not exist.
import { isObjectName } from '../api/identity.ts';
import type { KubeObject } from '../kube/objects.ts';
import { joinKey } from '../kube/objects.ts';
import type { Clock } from '../runtime/clock.ts';

/** What was not there is not looked for again within this time. */
const missedForMs = 1000;
const mostMissed = 10_000;
export class SecondLook<T extends KubeObject> {
  readonly #read: (key: string) => Promise<T | undefined>;
  readonly #clock: Clock;
  readonly #missed = new Map<string, number>();

  /** `read` is a consistent read by namespace/name that takes what it sees into the cache. */
  constructor(read: (key: string) => Promise<T | undefined>, clock: Clock) {
    this.#read = read;
    this.#clock = clock;
  }

  /** Whether there is such an object after all. A read that fails says no: the client is told, and tries again. */
  async find(namespace: string, name: string): Promise<boolean> {
    const key = joinKey(namespace, name);
    const now = this.#clock.monotonic();
    if (!isObjectName(name) || now - (this.#missed.get(key) ?? Number.NEGATIVE_INFINITY) < missedForMs)
      return false;
    const found = await this.#read(key).catch(() => undefined);
    if (found) {
      this.#missed.delete(key);
      return true;
    }
    if (this.#missed.size >= mostMissed) this.#missed.clear();
    this.#missed.set(key, now);
    return false;
  }
}
