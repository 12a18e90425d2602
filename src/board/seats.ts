// The places of the board: how many event streams may be open, whose they are, and whose ends when they are all taken.
// Knows no page and no sale.
import type { ServerResponse } from 'node:http';

export class Seats {
  readonly #max: number;
  /** Open streams, oldest first. `who`: the user, or the address when users are not known. */
  readonly #taken = new Map<ServerResponse, string>();

  constructor(max: number) {
    this.#max = max;
  }

  /** When all places are taken, `who` gets one from somebody who has more streams than `who` would have then. */
  hasSeatFor(who: string): boolean {
    return this.#taken.size < this.#max || this.#toEndFor(who) !== undefined;
  }

  take(response: ServerResponse, who: string): void {
    if (this.#taken.size >= this.#max) {
      const ended = this.#toEndFor(who);
      if (ended) {
        this.#taken.delete(ended);
        ended.destroy();
      }
    }
    this.#taken.set(response, who);
    response.once('close', () => this.#taken.delete(response));
  }

  /** The oldest stream of whoever has most, unless `who` would then have as many. */
  #toEndFor(who: string): ServerResponse | undefined {
    const byViewer = Map.groupBy(this.#taken, ([, owner]) => owner);
    let most: [ServerResponse, string][] = [];
    for (const streams of byViewer.values()) if (streams.length > most.length) most = streams;
    return most.length > (byViewer.get(who)?.length ?? 0) + 1 ? most[0]?.[0] : undefined;
  }
}
