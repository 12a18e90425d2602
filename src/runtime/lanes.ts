// What waits in a work queue, in order: groups take turns, and inside a group what is due first comes first.
// Knows nothing of workers, of what a group is, or of the time now.

/** One point of priority is worth so many milliseconds of waiting. Priority never beats age for ever. */
const msPerPoint = 100;

/**
 * Groups take turns, one key each, however many keys a group has. Inside a group every priority is a
 * first-in-first-out lane; of the lanes' first keys the one that is due first wins. A key is due when it began to
 * wait, earlier by its priority. There are few priorities, few groups and many keys.
 */
export class Lanes {
  readonly #groups = new Map<string, Group>();
  /** Names of the groups that have keys, in the order of their turns. */
  readonly #turns = new Fifo();

  push(group: string, key: string, priority: number, since: number): void {
    let found = this.#groups.get(group);
    if (!found) {
      found = new Group();
      this.#groups.set(group, found);
      this.#turns.push(group, 0);
    }
    found.push(key, priority, since);
  }

  /** The key changes its priority; it keeps the time since which it waits. */
  move(group: string, key: string, from: number, to: number, since: number): void {
    this.#groups.get(group)?.delete(key, from);
    this.push(group, key, to, since);
  }

  shift(): string | undefined {
    const name = this.#turns.peek();
    if (name === undefined) return undefined;
    const group = this.#groups.get(name)!;
    const key = group.shift();
    // With one group there are no turns to take.
    if (group.size === 0) {
      this.#turns.delete(name);
      this.#groups.delete(name);
    } else if (this.#groups.size > 1) {
      this.#turns.delete(name);
      this.#turns.push(name, 0);
    }
    return key;
  }

  clear(): void {
    this.#groups.clear();
    this.#turns.clear();
  }
}

class Group {
  readonly #lanes = new Map<number, Fifo>();
  /** Priorities, highest first: of two keys that are due together the one of the higher priority wins. */
  #order: number[] = [];
  size = 0;

  push(key: string, priority: number, since: number): void {
    let lane = this.#lanes.get(priority);
    if (!lane) {
      lane = new Fifo();
      this.#lanes.set(priority, lane);
      this.#order = [...this.#lanes.keys()].sort((a, b) => b - a);
    }
    lane.push(key, since - priority * msPerPoint);
    this.size++;
  }

  delete(key: string, priority: number): void {
    if (this.#lanes.get(priority)?.delete(key)) this.size--;
  }

  shift(): string | undefined {
    let first: { priority: number; due: number } | undefined;
    for (const priority of this.#order) {
      const due = this.#lanes.get(priority)!.due();
      if (due < (first?.due ?? Number.POSITIVE_INFINITY)) first = { priority, due };
    }
    if (!first) return undefined;
    const key = this.#lanes.get(first.priority)!.peek()!;
    this.delete(key, first.priority);
    return key;
  }
}

/** Keys in the order of their push, each with the time when it is due. */
class Fifo {
  readonly #keys = new Map<string, number>();
  // A Map's iterator goes on past deletions and sees additions. A new one for every key would step over
  // all the holes that earlier deletions left at the front: of 200,000 keys each took 14 µs instead of 0.6.
  #at: Iterator<string> | undefined;
  #first: string | undefined;

  push(key: string, due: number): void {
    this.#keys.set(key, due);
  }

  delete(key: string): boolean {
    if (this.#first === key) this.#first = undefined;
    return this.#keys.delete(key);
  }

  peek(): string | undefined {
    if (this.#keys.size === 0) {
      this.#at = undefined;
      return undefined;
    }
    // The iterator is never at its end here: what is behind it was deleted.
    this.#at ??= this.#keys.keys();
    this.#first ??= this.#at.next().value as string;
    return this.#first;
  }

  /** When the first key is due; Infinity when there is none. */
  due(): number {
    const first = this.peek();
    return first === undefined ? Number.POSITIVE_INFINITY : this.#keys.get(first)!;
  }

  clear(): void {
    this.#keys.clear();
    this.#at = undefined;
    this.#first = undefined;
  }
}
