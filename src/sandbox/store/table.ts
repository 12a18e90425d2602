// All objects of one resource: the current revisions in key order, and the changes since the last compaction. In
// memory only; the log makes them durable.

import type { Entry, StoreChange } from './entry.ts';

/** The first index whose value is not less than `wanted`. `of`: the value of an item; the list is sorted by it. */
function lowerBound<T>(
  sorted: readonly T[],
  wanted: number | string,
  of: (value: T) => number | string,
): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (of(sorted[middle] as T) < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}

const itself = (key: string) => key;
const versionOf = (change: StoreChange) => change.entry.rv;

export interface Range {
  /** '' for every namespace. */
  namespace: string;
  /** Only keys after this one; '' from the start. */
  after: string;
}

export class Table {
  readonly #current = new Map<string, Entry>();
  #keys: string[] = [];
  #history: StoreChange[] = [];

  get(key: string): Entry | undefined {
    return this.#current.get(key);
  }

  get size(): number {
    return this.#current.size;
  }

  apply(change: StoreChange): void {
    this.#set(change.entry.key, change.type === 'DELETED' ? undefined : change.entry);
    this.#history.push(change);
  }

  /** Undoes the latest change, which could not be made durable. */
  revert(change: StoreChange): void {
    this.#set(change.entry.key, change.prev);
    if (this.#history.at(-1) === change) this.#history.pop();
  }

  /** Sets a current revision without a change in history. */
  load(entry: Entry): void {
    this.#set(entry.key, entry);
  }

  #set(key: string, entry: Entry | undefined): void {
    const existed = this.#current.has(key);
    if (entry) this.#current.set(key, entry);
    else this.#current.delete(key);
    // The sorted keys change only when a key comes or goes.
    if (existed === (entry !== undefined)) return;
    const last = this.#keys.at(-1);
    if (entry && (last === undefined || last < key)) {
      this.#keys.push(key);
      return;
    }
    const at = lowerBound(this.#keys, key, itself);
    if (entry) this.#keys.splice(at, 0, key);
    else this.#keys.splice(at, 1);
  }

  /** Current entries in key order. Do not write to the table during the iteration: a write shifts the keys. */
  *entries(range: Range): Generator<Entry> {
    const prefix = range.namespace ? `${range.namespace}/` : '';
    let start = prefix;
    if (range.after > prefix) start = range.after;
    for (let i = lowerBound(this.#keys, start, itself); i < this.#keys.length; i++) {
      const key = this.#keys[i] as string;
      if (prefix && !key.startsWith(prefix)) return;
      if (key === range.after) continue;
      const entry = this.#current.get(key);
      if (entry) yield entry;
    }
  }

  /** Entries in key order as they were at version `rv`, which must not be older than history. */
  at(rv: number, range: Range): Entry[] {
    // For each key that changed later: its entry at `rv`, undefined when there was none.
    const atVersion = new Map<string, Entry | undefined>();
    for (let i = lowerBound(this.#history, rv + 1, versionOf); i < this.#history.length; i++) {
      const { entry, prev } = this.#history[i] as StoreChange;
      if (!atVersion.has(entry.key)) atVersion.set(entry.key, prev);
    }
    const prefix = range.namespace ? `${range.namespace}/` : '';
    const out: Entry[] = [];
    for (const entry of this.entries(range)) if (!atVersion.has(entry.key)) out.push(entry);
    for (const [key, entry] of atVersion)
      if (entry && key > range.after && key.startsWith(prefix)) out.push(entry);
    return atVersion.size > 0 ? out.sort((a, b) => (a.key < b.key ? -1 : 1)) : out;
  }

  /** The changes after version `rv`. */
  since(rv: number): StoreChange[] {
    return this.#history.slice(lowerBound(this.#history, rv + 1, versionOf));
  }

  /** Drops the changes up to `rv` and returns them. */
  compact(rv: number): StoreChange[] {
    const cut = lowerBound(this.#history, rv + 1, versionOf);
    if (cut === 0) return [];
    const dropped = this.#history.slice(0, cut);
    this.#history = this.#history.slice(cut);
    return dropped;
  }

  isCurrent(entry: Entry): boolean {
    return this.#current.get(entry.key) === entry;
  }
}
