// Reads an object from the API server when the cache does not have it: it may have been created a moment ago.
// Limits the reads, because anybody can name objects that do not exist.
import { isObjectName } from '../api/identity.ts';
import type { KubeObject } from '../kube/objects.ts';
import { joinKey } from '../kube/objects.ts';
import type { Clock } from '../runtime/clock.ts';

/** An object that was not found is not read again within this time. */
const missedForMs = 1000;
const maxMissed = 10_000;

export class SecondLook<T extends KubeObject> {
  readonly #read: (key: string) => Promise<T | undefined>;
  readonly #clock: Clock;
  /** By namespace/name, when the object was not found. */
  readonly #missed = new Map<string, number>();

  /** `read` is a consistent read by namespace/name that updates the cache. */
  constructor(read: (key: string) => Promise<T | undefined>, clock: Clock) {
    this.#read = read;
    this.#clock = clock;
  }

  /** Whether a live read finds the object. Rejects when the read fails. */
  async find(namespace: string, name: string): Promise<boolean> {
    const key = joinKey(namespace, name);
    const now = this.#clock.monotonic();
    if (!isObjectName(name) || now - (this.#missed.get(key) ?? Number.NEGATIVE_INFINITY) < missedForMs)
      return false;
    const found = await this.#read(key);
    if (found) {
      this.#missed.delete(key);
      return true;
    }
    if (this.#missed.size >= maxMissed) this.#missed.clear();
    this.#missed.set(key, now);
    return false;
  }
}
