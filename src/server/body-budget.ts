// Limits the bytes of request bodies that one process keeps at a time. A body counts from its first byte until its
// request is answered. When there is no room, the body that has been arriving longest is dropped, because the API
// server needs only milliseconds to send a review. Knows no HTTP and no JSON.
import { type Clock, systemClock } from '../runtime/clock.ts';

/** One body that counts. */
export interface Charge {
  /** Counts more bytes. */
  grow(bytes: number): void;
  /** The body has arrived completely. From now on it is not dropped. */
  complete(): void;
  release(): void;
}

/** Bytes of all bodies together. The last part is for small bodies only. */
export const budgetBytes = 32 * 1024 * 1024;
const forSmallOnes = budgetBytes / 4;
const small = 32 * 1024;
/** The pause after a large body is three times the time that it took, at most three times this. */
const longestRestMs = 100;

interface Entry {
  bytes: number;
  giveWay(): void;
}

export class BodyBudget {
  readonly #clock: Clock;
  readonly #most: number;
  readonly #reserve: number;
  /** Bodies that have not arrived completely, oldest first. */
  readonly #arriving = new Set<Entry>();
  #used = 0;
  /** Resolves when the previous large body is done. */
  #largeOnes: Promise<void> = Promise.resolve();

  constructor(most = budgetBytes, reserve = forSmallOnes, clock: Clock = systemClock) {
    this.#clock = clock;
    this.#most = most;
    this.#reserve = reserve;
  }

  /** Bytes in use. */
  get used(): number {
    return this.#used;
  }

  /** `giveWay` is called when the body must be dropped. Its charge is released before. */
  begin(giveWay: () => void): Charge {
    const entry: Entry = { bytes: 0, giveWay };
    this.#arriving.add(entry);
    let released = false;
    const release = () => {
      if (released) return;
      released = true;
      this.#arriving.delete(entry);
      this.#used -= entry.bytes;
    };
    entry.giveWay = () => {
      release();
      giveWay();
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
    const before = this.#largeOnes;
    let done = () => {};
    this.#largeOnes = new Promise((resolve) => {
      done = resolve;
    });
    await before;
    const began = this.#clock.monotonic();
    try {
      return await run();
    } finally {
      const took = Math.min(this.#clock.monotonic() - began, longestRestMs);
      this.#clock.after(3 * took, done);
    }
  }

  #makeRoomBeside(newest: Entry): void {
    const most = newest.bytes <= small ? this.#most : this.#most - this.#reserve;
    for (const entry of this.#arriving) {
      if (this.#used <= most) return;
      if (entry !== newest) entry.giveWay();
    }
    // Everything else has arrived completely and is being judged.
    if (this.#used > most) newest.giveWay();
  }
}
