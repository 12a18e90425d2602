// Who looks at the board: open event streams, how many there may be, and what becomes of a slow one. Knows
// nothing of what is sent.
import type { ServerResponse } from 'node:http';
import type { Cancel, Clock } from '../runtime/clock.ts';
import type { Frame } from './feed.ts';

export interface ViewersOptions {
  clock: Clock;
  /** Streams there may be. */
  most: number;
  next(): Frame;
  beat(): string;
  /** The first one comes, the last one has gone. */
  onFirst(): void;
  onLast(): void;
}

interface Viewer {
  response: ServerResponse;
  /** Has not taken what it was sent; monotonic ms since when, undefined while it keeps up. */
  blockedAt: number | undefined;
  /** It has missed something: changes would be changes to what it does not have. */
  needsAll: boolean;
}

/** Four looks a second are as smooth as eyes need, and all the work there is, however many look. */
export const lookEveryMs = 250;
export const beatEveryMs = 5000;
/** One that takes nothing for so long is gone, whatever its connection says. */
export const patienceMs = 20_000;

/** After the last one has gone: a page that is loaded anew must not make us count all orders again. */
export const lingerMs = 10_000;

/**
 * A viewer is either in step or blocked: its socket's buffer (64 KiB) is full. While it is blocked nothing is
 * written to it, so what waits in memory is never more than that and one frame; when it drains it gets the
 * whole state.
 */
export class Viewers {
  readonly #options: ViewersOptions;
  readonly #viewers = new Set<Viewer>();
  #isOpen = false;
  #frame: Frame | undefined;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #sentAt = Number.NEGATIVE_INFINITY;
  /** Of the next look, or of the end of the lingering. */
  #cancel: Cancel | undefined;

  constructor(options: ViewersOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#viewers.size;
  }

  get isFull(): boolean {
    return this.#viewers.size >= this.#options.most;
  }

  /** `response` has its head already. However often viewers come and go, the pace of looks is the same. */
  add(response: ServerResponse): void {
    const viewer: Viewer = { response, blockedAt: undefined, needsAll: true };
    this.#viewers.add(viewer);
    response.on('drain', () => {
      viewer.blockedAt = undefined;
    });
    response.once('close', () => this.#remove(viewer));
    response.on('error', () => this.#remove(viewer));
    const now = this.#options.clock.monotonic();
    if (this.#viewers.size > 1) {
      if (this.#frame) this.#send(viewer, this.#frame, undefined, now);
      return;
    }
    if (!this.#isOpen) {
      this.#isOpen = true;
      this.#options.onFirst();
    }
    this.#after(Math.max(0, this.#lookedAt + lookEveryMs - now), () => this.#look());
  }

  close(): void {
    for (const { response } of this.#viewers) response.destroy();
    this.#viewers.clear();
    this.#close();
  }

  #remove(viewer: Viewer): void {
    if (this.#viewers.delete(viewer) && this.#viewers.size === 0) this.#after(lingerMs, () => this.#close());
  }

  #close(): void {
    this.#cancel?.();
    this.#frame = undefined;
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#options.onLast();
  }

  /** One timer at a time: looks while there are viewers, else the end of the lingering. */
  #after(ms: number, then: () => void): void {
    this.#cancel?.();
    this.#cancel = this.#options.clock.after(ms, then);
  }

  #look(): void {
    const now = this.#options.clock.monotonic();
    this.#lookedAt = now;
    const frame = this.#options.next();
    this.#frame = frame;
    const isDue = now - this.#sentAt >= beatEveryMs;
    const changes = frame.changes ?? (isDue ? this.#options.beat() : undefined);
    if (changes) this.#sentAt = now;
    this.#after(lookEveryMs, () => this.#look());
    for (const viewer of [...this.#viewers]) this.#send(viewer, frame, changes, now);
  }

  #send(viewer: Viewer, frame: Frame, changes: string | undefined, now: number): void {
    if (viewer.blockedAt !== undefined) {
      if (changes) viewer.needsAll = true;
      if (now - viewer.blockedAt < patienceMs) return;
      viewer.response.destroy();
      this.#remove(viewer);
      return;
    }
    const text = viewer.needsAll ? frame.whole() : changes;
    if (!text) return;
    viewer.needsAll = false;
    if (!viewer.response.write(text)) viewer.blockedAt = now;
  }
}
