// Limits the bytes of request bodies that one process keeps at a time. A body counts from its first byte until its
// request is answered. When there is no room, the budget drops the body whose first byte is oldest: the API server
// sends a review within milliseconds, so a slow body is not from it. Knows no HTTP and no JSON.
import { type Clock, systemClock } from '../runtime/clock.ts';

/** The part of the budget that one body uses. */
export interface Charge {
  /** Adds bytes that have arrived. */
  grow(bytes: number): void;
  /** Call it when the body has arrived completely. The budget no longer drops it. */
  complete(): void;
  /** Call it when the request is answered. Later calls do nothing. */
  release(): void;
}

/** Maximum bytes of all bodies together. */
export const budgetBytes = 32 * 1024 * 1024;
/** The part of the budget that only small bodies may use. */
const smallBodiesShare = budgetBytes / 4;
const smallBodyBytes = 32 * 1024;
/** After a large body there is a pause of three times the time that it took. Time above this does not count. */
const longestCountedMs = 100;

interface Entry {
  bytes: number;
  drop(): void;
}

export class BodyBudget {
  readonly #clock: Clock;
  readonly #limit: number;
  readonly #reserve: number;
  /** Bodies that have not arrived completely, oldest first. */
  readonly #arriving = new Set<Entry>();
  #used = 0;
  /** Resolves when the latest large body, and the pause after it, are over. */
  #lastLarge: Promise<void> = Promise.resolve();

  constructor(limit = budgetBytes, reserve = smallBodiesShare, clock: Clock = systemClock) {
    this.#clock = clock;
    this.#limit = limit;
    this.#reserve = reserve;
  }

  /** Bytes in use. */
  get used(): number {
    return this.#used;
  }

  /** Starts the charge of one body. When the budget drops the body, it releases the charge and then calls `onDrop`. */
  begin(onDrop: () => void): Charge {
    const entry: Entry = { bytes: 0, drop: onDrop };
    this.#arriving.add(entry);
    let released = false;
    const release = () => {
      if (released) return;
      released = true;
      this.#arriving.delete(entry);
      this.#used -= entry.bytes;
    };
    entry.drop = () => {
      release();
      onDrop();
    };
    return {
      grow: (bytes) => {
        if (released) return;
        entry.bytes += bytes;
        this.#used += bytes;
        this.#makeRoomBeside(entry);
      },
      complete: () => void this.#arriving.delete(entry),
      release,
    };
  }

  /**
   * Runs large bodies one after the other, with time for other requests between them. Resolves to the result of
   * `run`.
   */
  async oneByOne<T>(run: () => Promise<T>): Promise<T> {
    const before = this.#lastLarge;
    let done = () => {};
    this.#lastLarge = new Promise((resolve) => {
      done = resolve;
    });
    await before;
    const began = this.#clock.monotonic();
    try {
      return await run();
    } finally {
      const took = Math.min(this.#clock.monotonic() - began, longestCountedMs);
      this.#clock.after(3 * took, done);
    }
  }

  #makeRoomBeside(newest: Entry): void {
    const limit = newest.bytes <= smallBodyBytes ? this.#limit : this.#limit - this.#reserve;
    for (const entry of this.#arriving) {
      if (this.#used <= limit) return;
      if (entry !== newest) entry.drop();
    }
    // All other bodies have arrived completely, and their requests are being answered.
    if (this.#used > limit) newest.drop();
  }
}
