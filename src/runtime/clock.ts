// The clock of the project. No other file may call Date.now or setTimeout for a decision, so that a test with its own
// clock can run hours of a sale in a second.

/** Cancels a timer; calling it after the timer fired does nothing. */
export type Cancel = () => void;

export interface Clock {
  /** Milliseconds since the epoch. Jumps when somebody sets the machine's clock. */
  now(): number;
  /** Milliseconds that only grow; for durations and local expiry. */
  monotonic(): number;
  /** Calls `fn` once after `ms` milliseconds. */
  after(ms: number, fn: () => void): Cancel;
}

// setTimeout takes a signed 32-bit number of milliseconds; longer waits would fire at once.
const longestTimer = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, fn) {
    const wait = Math.max(0, ms);
    if (wait > longestTimer) {
      let cancel: Cancel = () => {};
      const timer = setTimeout(() => {
        cancel = systemClock.after(wait - longestTimer, fn);
      }, longestTimer);
      return () => {
        clearTimeout(timer);
        cancel();
      };
    }
    const timer = setTimeout(fn, wait);
    return () => clearTimeout(timer);
  },
};

/** Waits `ms` on `clock`; resolves early, without an error, when `signal` aborts. */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const done = () => {
      cancel();
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const cancel = clock.after(ms, done);
    signal?.addEventListener('abort', done, { once: true });
  });
}
