// A named index of a cache: from a value to the keys of the objects that have it. Knows no objects.

/**
 * A single key is stored bare, several in a Set. Most indexes have many values with one object each (orders by uid,
 * holds by order), and fifty thousand Sets of one would take more memory than the names.
 */
export class IndexMap {
  readonly #keys = new Map<string, string | Set<string>>();

  add(value: string, key: string): void {
    const held = this.#keys.get(value);
    if (held === undefined) this.#keys.set(value, key);
    else if (typeof held !== 'string') held.add(key);
    else if (held !== key) this.#keys.set(value, new Set([held, key]));
  }

  remove(value: string, key: string): void {
    const held = this.#keys.get(value);
    if (held === key) this.#keys.delete(value);
    else if (typeof held === 'object' && held.delete(key) && held.size === 0) this.#keys.delete(value);
  }

  count(value: string): number {
    const held = this.#keys.get(value);
    return held === undefined ? 0 : typeof held === 'string' ? 1 : held.size;
  }

  keys(value: string): Iterable<string> {
    const held = this.#keys.get(value);
    return held === undefined ? [] : typeof held === 'string' ? [held] : held;
  }

  values(): IterableIterator<string> {
    return this.#keys.keys();
  }
}
