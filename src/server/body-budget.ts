// The bytes of request bodies that one process keeps at a time. A body counts from its first byte until its request is
// answered. When there is no room, the body that has been arriving longest goes: a review takes an API server
// milliseconds to send. Knows no HTTP and no JSON.
import { type Clock, systemClock } from '../runtime/clock.ts';

/** One body that counts. */
export interface Charge {
  /** Counts more bytes. */
  grow(bytes: number): void;
  /** All of it has come: from now on it does not give way. */
  complete(): void;
  release(): void;
}

/** Bytes that all bodies may have together; the last part is for small ones only. */
export const budgetBytes = 32 * 1024 * 1024;
const forSmallOnes = budgetBytes / 4;
const small = 32 * 1024;
/** The next large body is taken up after three times what the last one took, at most so many ms times three. */
const longestRestMs = 100;

interface Entry {
  bytes: number;
  giveWay(): void;
}

export class BodyBudget {
  readonly #clock: Clock;
  readonly #most: number;
  readonly #reserve: number;
  /** Bodies of which more is to come, oldest first. */
  readonly #arriving = new Set<Entry>();
  #used = 0;
  /** Resolves when the large body before is done. */
  #largeOnes: Promise<void> = Promise.resolve();

  constructor(most = budgetBytes, reserve = forSmallOnes, clock: Clock = systemClock) {
    this.#clock = clock;
    this.#most = most;
    this.#reserve = reserve;
  }

  /** Bytes that count now. */
  get used(): number {
    return this.#used;
  }

  /** `giveWay` is called when the body must go; the charge is released by then. */
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

  /** Runs one large body after the other, with time for everybody else between them; what each returns. */
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
    // Everything else has arrived and is being judged.
    if (this.#used > most) newest.giveWay();
  }
}
