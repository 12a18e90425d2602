// Lines of orders that wait for units of a goods which are held and may come free: a lot that is given back, a hold
// that lapses. Who came first is first, newcomers stand behind. Short, and for a moment only: each place is a request
// that the API server keeps open. Knows nothing of stock; whose turn it is looks for himself.
import type { Cancel, Clock } from '../runtime/clock.ts';

export interface WaitingLineOptions {
  clock: Clock;
  /** What changes whenever the goods of a key do: then everybody in its line may look again. */
  version(key: string): string | undefined;
  mostInLine?: number;
  mostInAll?: number;
}

/** How often a line looks whether its goods have changed, and after how long it looks at them in any case. */
const lookEveryMs = 50;
const lookAnywayMs = 1000;

export class WaitingLines {
  readonly #options: Required<WaitingLineOptions>;
  readonly #lines = new Map<string, Line>();
  #places = 0;

  constructor(options: WaitingLineOptions) {
    this.#options = { mostInLine: 16, mostInAll: 64, ...options };
  }

  /** Whether somebody waits at this goods: who comes now stands behind. */
  isBusy(key: string): boolean {
    return this.#lines.has(key);
  }

  /**
   * A place in line by `since`. Undefined when there is none; when the line is full, who came earlier takes the
   * place of who came last.
   */
  join(key: string, since: number): Place | undefined {
    let line = this.#lines.get(key);
    const isFull = (line?.places.length ?? 0) >= this.#options.mostInLine;
    if (isFull || this.#places >= this.#options.mostInAll) {
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
  /** First comes first. */
  readonly places: Place[] = [];
  readonly #options: Required<WaitingLineOptions>;
  readonly #key: string;
  #seen: string | undefined;
  #lookedAt: number;
  #hasNew = false;
  #cancel: Cancel | undefined;

  constructor(options: Required<WaitingLineOptions>, key: string) {
    this.#options = options;
    this.#key = key;
    this.#seen = options.version(key);
    this.#lookedAt = options.clock.monotonic();
  }

  add(since: number, left: () => void): Place {
    const place = new Place(since, this.#options.clock, () => {
      this.places.splice(this.places.indexOf(place), 1);
      if (this.places.length === 0) this.#cancel?.();
      left();
    });
    // Of two that came at the same time the one that stands there already is first.
    const behind = this.places.findIndex((other) => other.since > since);
    this.places.splice(behind < 0 ? this.places.length : behind, 0, place);
    // Nobody is before it, and nobody behind it was asked yet.
    if (this.places.length === 1) place.call();
    else this.#hasNew = true;
    this.#cancel ??= this.#options.clock.after(lookEveryMs, () => this.#look());
    return place;
  }

  #look(): void {
    const { clock, version } = this.#options;
    const now = clock.monotonic();
    const seen = version(this.#key);
    if (this.#hasNew || seen !== this.#seen || now - this.#lookedAt >= lookAnywayMs) {
      this.#seen = seen;
      this.#lookedAt = now;
      this.#hasNew = false;
      // In their order, within one turn of the event loop: what they ask for is evaluated in that order.
      for (const place of this.places) place.call();
    }
    this.#cancel = clock.after(lookEveryMs, () => this.#look());
  }
}

/** One order in line. */
export class Place {
  readonly since: number;
  readonly #clock: Clock;
  readonly #left: () => void;
  #isCalled = false;
  #hasLeft = false;
  #answer: ((isCalled: boolean) => void) | undefined;

  constructor(since: number, clock: Clock, left: () => void) {
    this.since = since;
    this.#clock = clock;
    this.#left = left;
  }

  /** Resolves to true when it may look; to false when it has lost its place, or at `until` (monotonic, ms). */
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
    this.#left();
    this.#tell(false);
  }

  #tell(isCalled: boolean): void {
    const answer = this.#answer;
    this.#answer = undefined;
    answer?.(isCalled);
  }
}
