// Lines of orders that wait for goods. Their missing units are held and may become free: a lot may be given back, a
// hold may lapse. An order that first tried earlier stands before one that tried later. Lines are short and waits
// are brief, because each place is a request that the API server keeps open. Knows nothing of stock: the order
// itself checks the stock at its turn.
import type { Cancel, Clock } from '../runtime/clock.ts';

export interface WaitingLineOptions {
  clock: Clock;
  /** A text that changes whenever the goods of `key` change. Then every order in the line may try again. */
  version(key: string): string | undefined;
  maxInLine?: number;
  maxInAll?: number;
}

/** How often a line checks whether its goods have changed. */
const checkEveryMs = 50;
/** Its orders try again after this time even if the goods have not changed. */
const tryAnywayMs = 1000;

export class WaitingLines {
  readonly #options: Required<WaitingLineOptions>;
  readonly #lines = new Map<string, Line>();
  #places = 0;

  constructor(options: WaitingLineOptions) {
    this.#options = { maxInLine: 16, maxInAll: 64, ...options };
  }

  /** Whether an order waits for these goods. A new order then stands behind it. */
  isBusy(key: string): boolean {
    return this.#lines.has(key);
  }

  /**
   * Joins the line at a place given by `since`. When the line is full, an order takes the last place if the order
   * there first tried later. Returns undefined when there is no place.
   */
  join(key: string, since: number): Place | undefined {
    let line = this.#lines.get(key);
    const isFull = (line?.places.length ?? 0) >= this.#options.maxInLine;
    if (isFull || this.#places >= this.#options.maxInAll) {
      const last = line?.places.at(-1);
      if (!last || last.since <= since) return undefined;
      last.leave();
      line = this.#lines.get(key);
    }
    if (!line) {
      line = new Line(this.#options, key);
      this.#lines.set(key, line);
    }
    this.#places++;
    return line.add(since, () => {
      this.#places--;
      if (line.places.length === 0) this.#lines.delete(key);
    });
  }
}

class Line {
  /** In the order of the line. */
  readonly places: Place[] = [];
  readonly #options: Required<WaitingLineOptions>;
  readonly #key: string;
  /** The version of the goods at the last try. */
  #triedVersion: string | undefined;
  #triedAt: number;
  /** Whether an order joined since the last try. */
  #hasNew = false;
  #cancel: Cancel | undefined;

  constructor(options: Required<WaitingLineOptions>, key: string) {
    this.#options = options;
    this.#key = key;
    this.#triedVersion = options.version(key);
    this.#triedAt = options.clock.monotonic();
  }

  add(since: number, onLeave: () => void): Place {
    const place = new Place(since, this.#options.clock, () => {
      this.places.splice(this.places.indexOf(place), 1);
      if (this.places.length === 0) this.#cancel?.();
      onLeave();
    });
    // Of two orders with the same time, the one that joined first stands before the other.
    const behind = this.places.findIndex((other) => other.since > since);
    this.places.splice(behind < 0 ? this.places.length : behind, 0, place);
    // The only order in a line may try at once.
    if (this.places.length === 1) place.call();
    else this.#hasNew = true;
    this.#cancel ??= this.#options.clock.after(checkEveryMs, () => this.#check());
    return place;
  }

  #check(): void {
    const { clock, version } = this.#options;
    const now = clock.monotonic();
    const current = version(this.#key);
    if (this.#hasNew || current !== this.#triedVersion || now - this.#triedAt >= tryAnywayMs) {
      this.#triedVersion = current;
      this.#triedAt = now;
      this.#hasNew = false;
      // Call all orders in the same turn of the event loop, so that their changes are evaluated in the order of the
      // line.
      for (const place of this.places) place.call();
    }
    this.#cancel = clock.after(checkEveryMs, () => this.#check());
  }
}

/** The place of one order in a line. */
export class Place {
  readonly since: number;
  readonly #clock: Clock;
  readonly #onLeave: () => void;
  /** Called while nobody waited in `turn`. */
  #isCalled = false;
  #hasLeft = false;
  #answer: ((isCalled: boolean) => void) | undefined;

  constructor(since: number, clock: Clock, onLeave: () => void) {
    this.since = since;
    this.#clock = clock;
    this.#onLeave = onLeave;
  }

  /**
   * Resolves to true when the order may try. Resolves to false when it has lost its place, or at `until` (monotonic,
   * ms).
   */
  turn(until: number): Promise<boolean> {
    if (this.#hasLeft) return Promise.resolve(false);
    if (this.#isCalled) {
      this.#isCalled = false;
      return Promise.resolve(true);
    }
    return new Promise((resolve) => {
      const cancel = this.#clock.after(until - this.#clock.monotonic(), () => this.#tell(false));
      this.#answer = (isCalled) => {
        cancel();
        resolve(isCalled);
      };
    });
  }

  call(): void {
    if (this.#answer) this.#tell(true);
    else this.#isCalled = true;
  }

  leave(): void {
    if (this.#hasLeft) return;
    this.#hasLeft = true;
    this.#onLeave();
    this.#tell(false);
  }

  #tell(isCalled: boolean): void {
    const answer = this.#answer;
    this.#answer = undefined;
    answer?.(isCalled);
  }
}
