// Makes replicas take turns when they write the same goods as fast as they can. Without turns, two replicas lose
// about half of their writes to conflicts, and for each lost write the API server runs all of admission twice. So
// after a conflict, a replica that has just written waits until it sees a write of the other replica, the rival.
// Meanwhile its own changes wait for its next write. Does not know what is written.
import { type Clock, sleep } from '../runtime/clock.ts';

/** After a conflict, this replica waits for a rival's write after each of this many own writes. */
const turnsPerConflict = 8;
/**
 * When no write of a rival comes, the wait ends after this many times the duration of our last write, or after
 * `longestTurnMs`.
 */
const turnInWrites = 3;
const longestTurnMs = 100;
const lookEveryMs = 2;

export class Turns {
  readonly #clock: Clock;
  /** How many more of our writes are followed by a wait. */
  #toGive = 0;
  /** Our last write, until `give` has waited for it. */
  #last: { resourceVersion: string; ms: number } | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Our write was a conflict. */
  lost(): void {
    this.#toGive = turnsPerConflict;
  }

  /**
   * Records a stored write that took `ms`. No wait follows a write with a single change: then there is no crowd, and
   * the rival is the leader, which writes only a few times per second.
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
