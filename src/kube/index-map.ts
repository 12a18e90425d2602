// A named index of a cache: from a value to the keys of the objects that have it. Knows no objects.

/**
 * Stores a single key as a string, and several keys in a Set. Most indexes have many values with one object each
 * (orders by uid, holds by order), and fifty thousand Sets with one member would take more memory than the keys.
 */
export class IndexMap {
  readonly #keys = new Map<string, string | Set<string>>();

  add(value: string, key: string): void {
    const found = this.#keys.get(value);
    if (found === undefined) this.#keys.set(value, key);
    else if (typeof found !== 'string') found.add(key);
    else if (found !== key) this.#keys.set(value, new Set([found, key]));
  }

  remove(value: string, key: string): void {
    const found = this.#keys.get(value);
    if (found === key) this.#keys.delete(value);
    else if (typeof found === 'object' && found.delete(key) && found.size === 0) this.#keys.delete(value);
  }

  count(value: string): number {
    const found = this.#keys.get(value);
    return found === undefined ? 0 : typeof found === 'string' ? 1 : found.size;
  }

  keys(value: string): Iterable<string> {
    const found = this.#keys.get(value);
    return found === undefined ? [] : typeof found === 'string' ? [found] : found;
  }

  values(): IterableIterator<string> {
    return this.#keys.keys();
  }
}
