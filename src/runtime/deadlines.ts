// Many deadlines with one timer: a heap of (deadline, key) with at most one entry per key. Fifty thousand orders
// that wait for their expiry must not need fifty thousand timers. Does not know what a key means.

import type { Cancel, Clock } from './clock.ts';

interface Entry<V> {
  at: number;
  key: string;
  value: V;
  /** Of two deadlines at the same time, the one that was set first is due first. */
  sequence: number;
  /** Its position in the heap, so that a deadline can be moved forward in O(log n). */
  place: number;
}

export class Deadlines<V> {
  readonly #clock: Clock;
  readonly #onDue: (key: string, value: V) => void;
  readonly #byKey = new Map<string, Entry<V>>();
  readonly #heap: Entry<V>[] = [];
  #nextSequence = 0;
  #timer: { at: number; cancel: Cancel } | undefined;

  constructor(clock: Clock, onDue: (key: string, value: V) => void) {
    this.#clock = clock;
    this.#onDue = onDue;
  }

  get size(): number {
    return this.#heap.length;
  }

  /** If the key has a deadline already, the earlier of the two stays, and `merge` combines the two values. */
  set(key: string, ms: number, value: V, merge: (waiting: V, added: V) => V): void {
    const at = this.#clock.monotonic() + ms;
    const entry = this.#byKey.get(key);
    if (entry) {
      entry.value = merge(entry.value, value);
      if (at >= entry.at) return;
      entry.at = at;
      this.#up(entry);
    } else {
      const added = { at, key, value, sequence: this.#nextSequence++, place: this.#heap.length };
      this.#heap.push(added);
      this.#byKey.set(key, added);
      this.#up(added);
    }
    this.#arm();
  }

  clear(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#heap.length = 0;
    this.#byKey.clear();
  }

  #arm(): void {
    const first = this.#heap[0];
    if (this.#timer && this.#timer.at === first?.at) return;
    this.#timer?.cancel();
    this.#timer = undefined;
    if (!first) return;
    const wait = first.at - this.#clock.monotonic();
    this.#timer = { at: first.at, cancel: this.#clock.after(wait, () => this.#fire()) };
  }

  #fire(): void {
    this.#timer = undefined;
    const now = this.#clock.monotonic();
    for (let first = this.#heap[0]; first; first = this.#heap[0]) {
      // setTimeout counts whole milliseconds and may fire a fraction of one early. So whatever is due within this
      // millisecond is due now; otherwise the timer would be set again and again for the rest.
      if (first.at - now >= 1) break;
      this.#shift(first);
      this.#onDue(first.key, first.value);
    }
    this.#arm();
  }

  #shift(first: Entry<V>): void {
    this.#byKey.delete(first.key);
    const last = this.#heap.pop()!;
    if (last === first) return;
    this.#put(last, 0);
    this.#down(last);
  }

  #put(entry: Entry<V>, place: number): void {
    this.#heap[place] = entry;
    entry.place = place;
  }

  #up(entry: Entry<V>): void {
    let place = entry.place;
    while (place > 0) {
      const parent = this.#heap[(place - 1) >> 1]!;
      if (before(parent, entry)) break;
      const parentPlace = parent.place;
      this.#put(parent, place);
      place = parentPlace;
    }
    this.#put(entry, place);
  }

  #down(entry: Entry<V>): void {
    const heap = this.#heap;
    let place = entry.place;
    for (;;) {
      let child = heap[2 * place + 1];
      if (!child) break;
      const right = heap[2 * place + 2];
      if (right && before(right, child)) child = right;
      if (before(entry, child)) break;
      const childPlace = child.place;
      this.#put(child, place);
      place = childPlace;
    }
    this.#put(entry, place);
  }
}

function before(a: Entry<unknown>, b: Entry<unknown>): boolean {
  return a.at < b.at || (a.at === b.at && a.sequence < b.sequence);
}
