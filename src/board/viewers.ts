// The viewers of one scope: sends frames to their event streams, and handles slow viewers. Does not know the content
// of a frame.
import type { ServerResponse } from 'node:http';
import type { Cancel, Clock } from '../runtime/clock.ts';
import type { Frame } from './feed.ts';

export interface ViewersOptions {
  clock: Clock;
  next(): Frame;
  beat(): string;
  /** Called before the first frame. */
  onFirst(): void;
  /** Called when the last viewer has left and `lingerMs` are over, or at `close`. */
  onLast(): void;
}

interface Viewer {
  response: ServerResponse;
  /** Monotonic ms at which its buffer became full. Undefined while it keeps up. */
  blockedAt: number | undefined;
  /** It has missed a frame, so the next one must be the whole state. */
  needsAll: boolean;
}

/** Four frames per second look smooth, and cost the same for any number of viewers. */
export const lookEveryMs = 250;
export const beatEveryMs = 5000;
/** A viewer that reads nothing for this long counts as gone, even if its connection is open. */
export const patienceMs = 20_000;

/** The state is kept for this time after the last viewer: reloading the page must not count all orders again. */
export const lingerMs = 10_000;

/**
 * A viewer either keeps up or is blocked: its socket's buffer (64 KiB) is full. A blocked viewer gets no data, so
 * its memory never exceeds the buffer and one frame. When the buffer drains, the viewer gets the whole state.
 */
export class Viewers {
  readonly #options: ViewersOptions;
  readonly #viewers = new Set<Viewer>();
  #isOpen = false;
  #frame: Frame | undefined;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #sentAt = Number.NEGATIVE_INFINITY;
  /** Cancels the next frame, or the end of the lingering. */
  #cancel: Cancel | undefined;

  constructor(options: ViewersOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#viewers.size;
  }

  /** `response` has its headers already. New viewers do not change the rate of frames. */
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

  /** One timer at a time: for the next frame while there are viewers, otherwise for the end of the lingering. */
  #after(ms: number, then: () => void): void {
    this.#cancel?.();
    this.#cancel = this.#options.clock.after(ms, then);
  }

  #look(): void {
    const now = this.#options.clock.monotonic();
    this.#lookedAt = now;
    const frame = this.#options.next();
    this.#frame = frame;
    const isBeatDue = now - this.#sentAt >= beatEveryMs;
    const changes = frame.changes ?? (isBeatDue ? this.#options.beat() : undefined);
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
