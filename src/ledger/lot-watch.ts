// Which lots are still in use, as the leader sees it: by its own clock, from when it last saw one refreshed. Clocks of
// other replicas do not count, as with leases.
import { lotsOf } from '../api/holds.ts';
import type { SpikeGoods } from '../api/spike-goods.ts';
import { keyOf } from '../kube/objects.ts';
import type { Clock } from '../runtime/clock.ts';
import { usedForMs } from './lots.ts';

/**
 * A replica uses a lot for `usedForMs` after it wrote it, and names orders out of it for 1.5 s longer (lots.ts). Its time
 * has whole seconds, so the last write that is seen may be a second older than the last there was: half a one is left.
 */
export const staleAfterMs = 2 * usedForMs + 1000;

/** Only its replica gives a lot a new time; its units also go to orders that the leader finds unnamed. */
interface Sighting {
  time: string;
  since: number;
}

export class LotWatch {
  readonly #clock: Clock;
  readonly #sightings = new Map<string, Map<string, Sighting>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Takes in the current version of goods. */
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

  /** Milliseconds since this lot of goods was seen to be refreshed; 0 when it was not seen before. */
  ageOf(goods: SpikeGoods, uid: string): number {
    this.see(goods);
    const seen = this.#sightings.get(keyOf(goods))?.get(uid);
    return seen ? this.#clock.monotonic() - seen.since : 0;
  }

  /** uids of lots that nobody uses any more: their replica is gone. */
  staleLots(goods: SpikeGoods): string[] {
    return lotsOf(goods.status).flatMap(({ uid }) => (this.ageOf(goods, uid) > staleAfterMs ? [uid] : []));
  }

  /** Whether some replica may have let in orders of these goods that it has not named yet. */
  isInUse(goods: SpikeGoods): boolean {
    return lotsOf(goods.status).some(({ uid }) => this.ageOf(goods, uid) <= staleAfterMs);
  }
}
