// Who does what next: everything that would be I/O is a task that waits here until chance picks it, and a
// process is a life that can end between any two of them. Knows nothing of what the tasks do.
import type { Cancel, Clock } from '../../src/runtime/clock.ts';
import type { SimulatedClock } from '../simulated-clock.ts';
import type { Random } from './random.ts';

interface Task {
  run(): void;
  /** Ends with this life: an answer that nobody is there to hear. */
  hearer: Life | undefined;
  /** Sent by this life: when it ends, chance decides whether it had left already. */
  sender: Life | undefined;
}

/** One process, from its start to its crash. */
export class Life {
  readonly name: string;
  alive = true;
  readonly clock: Clock;
  /** Hears the Date of every answer of the API server. */
  onDate: ((date: string, sentAt: number, answeredAt: number) => void) | undefined;
  readonly #timers = new Set<Cancel>();
  /** What came while it was stopped, as by SIGSTOP: its clock goes on, and it hears of nothing. */
  #missed: (() => void)[] | undefined;
  readonly #onEnd = new Set<() => void>();

  /** How far its wall clock is off; it may be set at any time. */
  #skewMs: number;

  /** `skewMs` is how far its wall clock is off, `drift` how much faster than others' its clocks go. */
  constructor(name: string, clock: SimulatedClock, skewMs: number, drift = 0) {
    this.name = name;
    this.#skewMs = skewMs;
    const timers = this.#timers;
    const began = clock.monotonic();
    const elapsed = () => (clock.monotonic() - began) * (1 + drift);
    const wallAtStart = clock.now();
    this.clock = {
      now: () => wallAtStart + elapsed() + this.#skewMs,
      monotonic: elapsed,
      after: (localMs, fn) => {
        const ms = Math.ceil(localMs / (1 + drift));
        if (!this.alive) return () => {};
        const cancel = () => {
          timers.delete(cancel);
          stop();
        };
        const stop = clock.after(ms, () => {
          if (this.#missed?.push(() => timers.has(cancel) && fire())) return;
          fire();
        });
        const fire = () => {
          timers.delete(cancel);
          fn();
        };
        timers.add(cancel);
        return cancel;
      },
    };
  }

  /** Somebody sets its wall clock. */
  setClock(skewMs: number): void {
    this.#skewMs = skewMs;
  }

  get isPaused(): boolean {
    return this.#missed !== undefined;
  }

  pause(): void {
    this.#missed ??= [];
  }

  /** Does `run` now, or when this process goes on. */
  whenAwake(run: () => void): void {
    if (this.#missed) this.#missed.push(run);
    else run();
  }

  /** Goes on: timers that are due fire, then answers arrive, before it hears of anything new. */
  wake(): void {
    const missed = this.#missed ?? [];
    this.#missed = undefined;
    for (const run of missed) if (this.alive) run();
  }

  /** Calls `fn` when this process is gone; returns what takes it off again. */
  onEnd(fn: () => void): Cancel {
    this.#onEnd.add(fn);
    return () => this.#onEnd.delete(fn);
  }

  end(): void {
    this.alive = false;
    for (const cancel of [...this.#timers]) cancel();
    for (const fn of [...this.#onEnd]) fn();
  }
}

export class Schedule {
  readonly #random: Random;
  readonly #tasks: Task[] = [];

  constructor(random: Random) {
    this.#random = random;
  }

  get size(): number {
    return this.#tasks.length;
  }

  add(run: () => void, whose: { hearer?: Life; sender?: Life } = {}): void {
    // What was running when its process ended is not there to send or to hear.
    if (whose.hearer?.alive === false || whose.sender?.alive === false) return;
    this.#tasks.push({ run, hearer: whose.hearer, sender: whose.sender });
  }

  /** Resolves when chance has it. */
  pause(): Promise<void> {
    return new Promise((resolve) => this.add(resolve));
  }

  runOne(): void {
    const index = this.#random.int(0, this.#tasks.length - 1);
    const task = this.#tasks[index]!;
    const last = this.#tasks.pop()!;
    if (last !== task) this.#tasks[index] = last;
    if (task.hearer) task.hearer.whenAwake(task.run);
    else task.run();
  }

  /** The process is gone; what it had sent may still arrive. */
  kill(life: Life): void {
    if (!life.alive) return;
    life.end();
    const kept = this.#tasks.filter(
      ({ hearer, sender }) => hearer !== life && (sender !== life || this.#random.chance(0.5)),
    );
    this.#tasks.length = 0;
    this.#tasks.push(...kept);
  }
}
