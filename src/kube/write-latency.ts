// How long the API server takes for a write just now: a moving average over the writes of this process.
import type { RequestInfo } from './transport.ts';

/** Weight of the newest write: after some ten of them what was before hardly counts. */
const weight = 0.2;

export class WriteLatency {
  #ms = 0;

  /** What createClient calls `onRequest`. */
  note({ method, seconds }: Pick<RequestInfo, 'method' | 'seconds'>): void {
    if (method === 'GET') return;
    this.#ms += (seconds * 1000 - this.#ms) * (this.#ms === 0 ? 1 : weight);
  }

  /** Milliseconds; 0 before the first write. */
  get ms(): number {
    return this.#ms;
  }
}
