// A cache for tests: what the ledger's catalogue needs of kube/cache.ts, without reflectors. Slow and plain.
import { type KubeObject, keyOf } from '../../src/kube/objects.ts';
import type { IndexedCache } from '../../src/ledger/catalogue.ts';

export class MemoryCache<T extends KubeObject> implements IndexedCache<T> {
  readonly #objects = new Map<string, T>();
  readonly #indexes = new Map<string, (object: T) => string[]>();

  get(key: string): T | undefined {
    return this.#objects.get(key);
  }

  list(): T[] {
    return [...this.#objects.values()];
  }

  addIndex(name: string, keysOf: (object: T) => string[]): void {
    this.#indexes.set(name, keysOf);
  }

  byIndex(index: string, value: string): T[] {
    const keysOf = this.#indexes.get(index);
    if (!keysOf) throw new Error(`no index ${index}`);
    return this.list().filter((object) => keysOf(object).includes(value));
  }

  put(object: T): void {
    this.#objects.set(keyOf(object), object);
  }

  remove(object: T): void {
    this.#objects.delete(keyOf(object));
  }
}
