// The work queue of the sandbox's own controllers. Only one worker handles a key at a time. A key that is added
// during its run runs once more, and a key that fails is retried after a delay. Knows no kind.

import type { Cancel, Clock } from '../../runtime/clock.ts';

export interface QueueOptions {
  clock: Clock;
  /** Maximum number of keys that are handled at the same time. */
  workers: number;
  work: (key: string) => Promise<void>;
  /** Called from the fourth failure in a row on. */
  failed: (key: string, error: unknown) => void;
}

const firstRetryMs = 50;
const longestRetryMs = 5_000;

export class KeyQueue {
  readonly #options: QueueOptions;
  readonly #waiting = new Set<string>();
  readonly #active = new Set<string>();
  /** Active keys that were added again during their run. */
  readonly #again = new Set<string>();
  readonly #failures = new Map<string, number>();
  readonly #timers = new Map<string, Cancel>();
  #closed = false;

  constructor(options: QueueOptions) {
    this.#options = options;
  }

  add(key: string): void {
    if (this.#closed) return;
    this.#timers.get(key)?.();
    this.#timers.delete(key);
    if (this.#active.has(key)) this.#again.add(key);
    else {
      this.#waiting.add(key);
      this.#pump();
    }
  }

  /** Adds `key` after `ms`. Does nothing when the key waits or has a timer already. */
  addAfter(key: string, ms: number): void {
    if (this.#closed || this.#waiting.has(key) || this.#timers.has(key)) return;
    this.#timers.set(
      key,
      this.#options.clock.after(ms, () => {
        this.#timers.delete(key);
        this.add(key);
      }),
    );
  }

  close(): void {
    this.#closed = true;
    for (const cancel of this.#timers.values()) cancel();
    this.#timers.clear();
    this.#waiting.clear();
  }

  #pump(): void {
    while (!this.#closed && this.#active.size < this.#options.workers && this.#waiting.size > 0) {
      const key = this.#waiting.values().next().value as string;
      this.#waiting.delete(key);
      this.#active.add(key);
      void this.#run(key);
    }
  }

  async #run(key: string): Promise<void> {
    // add() may run inside a commit listener. Wait until the other listeners have seen the commit, too.
    await new Promise<void>((resolve) => setImmediate(resolve));
    try {
      if (!this.#closed) await this.#options.work(key);
      this.#failures.delete(key);
    } catch (error) {
      if (!this.#closed) this.#retry(key, error);
    }
    this.#active.delete(key);
    if (this.#again.delete(key)) this.#waiting.add(key);
    this.#pump();
  }

  #retry(key: string, error: unknown): void {
    const count = (this.#failures.get(key) ?? 0) + 1;
    this.#failures.set(key, count);
    // The first failures usually are conflicts with other writers. Log only keys that keep failing.
    if (count > 3) this.#options.failed(key, error);
    this.addAfter(key, Math.min(longestRetryMs, firstRetryMs * 2 ** Math.min(count, 10)));
  }
}
