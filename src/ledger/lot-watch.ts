// The leader's view of lots: which are in use, and which are abandoned. The leader counts by its own clock, from the
// moment when it last saw a lot refreshed. As with leases, clocks of other replicas do not count.
import { lotsOf } from '../api/holds.ts';
import type { SpikeGoods } from '../api/spike-goods.ts';
import { keyOf } from '../kube/objects.ts';
import type { Clock } from '../runtime/clock.ts';
import { usedForMs } from './lot-state.ts';

/**
 * After its last write of a lot, a replica admits orders on the lot for `usedForMs`, and assigns them for another
 * 1.5 s (lot-state.ts). A lot's time has whole seconds, so two refreshes within one second look like one: the
 * leader may count from up to 1 s before the last refresh. A margin of 0.5 s remains.
 */
export const abandonedAfterMs = 2 * usedForMs + 1000;

/**
 * A new time shows a refresh, because only the lot's own replica writes it. A change of the units alone is no
 * refresh, because the leader takes units from a lot, too.
 */
interface Sighting {
  /** The time in the lot. */
  time: string;
  /** When the leader first saw this time, by its monotonic clock. */
  since: number;
}

export class LotWatch {
  readonly #clock: Clock;
  readonly #sightings = new Map<string, Map<string, Sighting>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Records the current version of goods. */
  see(goods: SpikeGoods): void {
    const key = keyOf(goods);
    const before = this.#sightings.get(key);
    const lots = lotsOf(goods.status);
    if (lots.length === 0) {
      this.#sightings.delete(key);
      return;
    }
    const now = this.#clock.monotonic();
    const seen = new Map<string, Sighting>();
    for (const { uid, time } of lots) {
      const known = before?.get(uid);
      seen.set(uid, known?.time === time ? known : { time, since: now });
    }
    this.#sightings.set(key, seen);
  }

  forget(key: string): void {
    this.#sightings.delete(key);
  }

  /** Milliseconds since the leader saw this lot refreshed; 0 when it sees the lot for the first time. */
  ageOf(goods: SpikeGoods, uid: string): number {
    this.see(goods);
    const seen = this.#sightings.get(keyOf(goods))?.get(uid);
    return seen ? this.#clock.monotonic() - seen.since : 0;
  }

  /** uids of abandoned lots: their replica is gone. */
  abandonedLots(goods: SpikeGoods): string[] {
    return lotsOf(goods.status).flatMap(({ uid }) =>
      this.ageOf(goods, uid) > abandonedAfterMs ? [uid] : [],
    );
  }

  /** Whether a replica may have admitted orders on a lot of these goods that have no hold of their own yet. */
  isInUse(goods: SpikeGoods): boolean {
    return lotsOf(goods.status).some(({ uid }) => this.ageOf(goods, uid) <= abandonedAfterMs);
  }
}
