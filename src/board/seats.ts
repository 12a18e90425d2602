// The places of the board: limits the number of open event streams. When all places are taken, a new viewer may get
// the place of a viewer with several streams. Knows no page and no sale.
import type { ServerResponse } from 'node:http';

export class Seats {
  readonly #max: number;
  /** Open streams, oldest first. `who`: the user, or the address when users are not known. */
  readonly #taken = new Map<ServerResponse, string>();

  constructor(max: number) {
    this.#max = max;
  }

  /** Whether a place is free, or can be taken from a viewer with more streams (see `#streamToEndFor`). */
  hasSeatFor(who: string): boolean {
    return this.#taken.size < this.#max || this.#streamToEndFor(who) !== undefined;
  }

  take(response: ServerResponse, who: string): void {
    if (this.#taken.size >= this.#max) {
      const ended = this.#streamToEndFor(who);
      if (ended) {
        this.#taken.delete(ended);
        ended.destroy();
      }
    }
    this.#taken.set(response, who);
    response.once('close', () => this.#taken.delete(response));
  }

  /** The oldest stream of the viewer with the most streams. Undefined unless `who` has at least two fewer. */
  #streamToEndFor(who: string): ServerResponse | undefined {
    const byViewer = Map.groupBy(this.#taken, ([, owner]) => owner);
    let most: [ServerResponse, string][] = [];
    for (const streams of byViewer.values()) if (streams.length > most.length) most = streams;
    return most.length > (byViewer.get(who)?.length ?? 0) + 1 ? most[0]?.[0] : undefined;
  }
}
