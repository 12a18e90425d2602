// Makes replicas take turns when they write the same goods as fast as they can. Without turns each one loses every
// other race, and for each lost race the API server runs all of admission twice. So after a conflict, a replica
// that has just written waits until it sees the rival's write; its own changes gather meanwhile. Does not know what
// is written.
import { type Clock, sleep } from '../runtime/clock.ts';

/** After a conflict, this many of our writes wait for a write of another replica in between. */
const turnsPerConflict = 8;
/**
 * A turn ends without a rival's write after this many times the duration of our write, and after so many ms at
 * most.
 */
const turnInWrites = 3;
const longestTurnMs = 100;
const lookEveryMs = 2;

export class Turns {
  readonly #clock: Clock;
  #toGive = 0;
  /** Our last write, until its turn is over. */
  #last: { resourceVersion: string; ms: number } | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  lost(): void {
    this.#toGive = turnsPerConflict;
  }

  /**
   * Records a stored write that took `ms`. A write with a single change waits for nobody: nothing gathers, so there
   * is no crowd, and the rival is the leader, who writes a few times per second.
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
