// Turns between replicas that write the same goods as fast as they can. Without them each loses every other race,
// and the API server runs all of admission twice for each one lost. So after a lost race who has written waits
// until it sees the other's write, while its own changes gather. Knows nothing of what is written.
import { type Clock, sleep } from '../runtime/clock.ts';

/** After a lost race so many of our writes wait for another replica's write in between. */
const turnsPerConflict = 8;
/** A turn ends without a write after this many times what ours took, and in any case after so many ms. */
const turnInWrites = 3;
const longestTurnMs = 100;
const lookEveryMs = 2;

export class Turns {
  readonly #clock: Clock;
  #toGive = 0;
  /** Our last write, until its turn is given. */
  #last: { resourceVersion: string; ms: number } | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  lost(): void {
    this.#toGive = turnsPerConflict;
  }

  /**
   * A write of ours is stored, after `ms`. One of a single change waits for nobody: where nothing gathers there is
   * no crowd, and the rival is the leader, who writes a few times a second.
   */
  wrote(resourceVersion: string, ms: number, changes: number): void {
    this.#last = changes > 1 ? { resourceVersion, ms } : undefined;
  }

  /** Resolves when it is our turn again. `known`: the newest resourceVersion that this process has seen. */
  async give(known: () => string | undefined): Promise<void> {
    const last = this.#last;
    this.#last = undefined;
    if (!last || this.#toGive === 0) return;
    this.#toGive--;
    const end = this.#clock.monotonic() + Math.min(turnInWrites * last.ms, longestTurnMs);
    while (this.#clock.monotonic() < end) {
      await sleep(this.#clock, lookEveryMs);
      if (known() !== last.resourceVersion) return;
    }
  }
}
