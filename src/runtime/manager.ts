// Starts the parts of a process in order, stops them in the reverse order, and says whether they are ready.
// Knows nothing of what the parts do.

import { type Clock, systemClock } from './clock.ts';
import { type Log, silentLog } from './log.ts';

export interface Component {
  readonly name: string;
  /**
   * Resolves when what comes next may rely on it; goes on in the background until `stop` or `signal`. When
   * `signal` aborts it ends at once: during start because the process is going away, later after `stop`
   * had its time.
   */
  start(signal: AbortSignal): Promise<void>;
  /** Ends in good order: what is under way is finished. */
  stop?(): Promise<void>;
  ready?(): { ok: boolean; why?: string };
}

export interface ManagerOptions {
  log?: Log;
  clock?: Clock;
  /** Milliseconds `stop` waits for one group. Default 15,000: the admission server drains for 10 s. */
  stopTimeout?: number;
  /** Milliseconds for stopping everything. Default 28,000: Kubernetes kills after 30 s. */
  gracePeriod?: number;
}

export class ComponentError extends Error {
  override readonly name = 'ComponentError';
  readonly component: string;

  constructor(component: string, cause: unknown) {
    super(`${component} did not start: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.component = component;
  }
}

interface Part {
  component: Component;
  abort: AbortController;
}

/**
 * The order in which a Spikegate process is put together, and the hazard that each step averts:
 *
 * 1. certificates: a server without them can only fail handshakes.
 * 2. admission server: MUST listen before the caches fill. Objects that a cache lists may need our own
 *    webhook to be written, and with failurePolicy Fail nobody can write before we answer. It says not
 *    ready until the caches are.
 * 3. caches: MUST be synced before anything decides by them. An empty cache says that no order exists,
 *    and a reconciler that believes it gives all stock back.
 * 4. leader election: only a process that could work may hold the lease; one that waits for its caches
 *    with the lease in hand stops the sale.
 * 5. controllers: only the leader's.
 *
 * Stopping goes the other way: controllers finish before the lease is released (or two would write), the
 * lease is released before the caches and the server go, and the server answers to the last.
 */
export class Manager {
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #stopTimeout: number;
  readonly #gracePeriod: number;
  readonly #groups: Part[][] = [];
  #started: Part[][] = [];
  #starting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;
  #up = false;

  constructor(opts: ManagerOptions = {}) {
    this.#log = opts.log ?? silentLog;
    this.#clock = opts.clock ?? systemClock;
    this.#stopTimeout = opts.stopTimeout ?? 15_000;
    this.#gracePeriod = opts.gracePeriod ?? 28_000;
  }

  /** Components of one call are a group: they start, and stop, together. */
  add(...group: Component[]): this {
    if (this.#starting) throw new Error('the manager has started already');
    this.#groups.push(group.map((component) => ({ component, abort: new AbortController() })));
    return this;
  }

  /**
   * Starts group after group. When a component fails, what has started is stopped and the error names the
   * component. Resolves early when `stop` is called meanwhile.
   */
  async start(): Promise<void> {
    if (this.#starting) throw new Error('the manager has started already');
    this.#starting = this.#startAll();
    try {
      await this.#starting;
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** Never rejects; may be called more than once, and before `start` has ended. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stopAll();
    return this.#stopping;
  }

  ready(): { ok: boolean; why?: string } {
    if (this.#stopping) return { ok: false, why: 'shutting down' };
    const why: string[] = [];
    for (const { component } of this.#groups.flat()) {
      const state = readiness(component);
      if (!state.ok) why.push(`${component.name}: ${state.why ?? 'not ready'}`);
    }
    if (why.length === 0 && !this.#up) why.push('starting');
    return why.length === 0 ? { ok: true } : { ok: false, why: why.join('; ') };
  }

  async #startAll(): Promise<void> {
    for (const group of this.#groups) {
      if (this.#stopping) return;
      // From here on the group counts as started: what failed half-way has to be stopped as well.
      this.#started.push(group);
      let first: unknown;
      const fail = (error: unknown) => {
        first ??= error;
        // The others of the group may wait for something that will not come now.
        for (const { abort } of group) abort.abort(error);
      };
      await Promise.all(group.map((part) => this.#startOne(part).catch(fail)));
      if (first && !this.#stopping) throw first;
    }
    this.#up = true;
  }

  async #startOne({ component, abort }: Part): Promise<void> {
    const began = this.#clock.monotonic();
    try {
      await component.start(abort.signal);
    } catch (error) {
      throw new ComponentError(component.name, error);
    }
    const ms = Math.round(this.#clock.monotonic() - began);
    this.#log.debug({ component: component.name, ms }, 'component started');
  }

  async #stopAll(): Promise<void> {
    const end = this.#clock.monotonic() + this.#gracePeriod;
    if (this.#starting && !this.#up) {
      // The group that is just starting would be waited for; it is told to give up instead.
      for (const { abort } of this.#started.at(-1) ?? []) abort.abort(new Error('shutting down'));
      await this.#within(
        end,
        this.#starting.catch(() => {}),
        'start',
      );
    }
    for (const group of this.#started.reverse()) {
      await Promise.all(group.map((part) => this.#stopOne(part, end)));
    }
    this.#started = [];
  }

  async #stopOne({ component, abort }: Part, end: number): Promise<void> {
    try {
      const limit = Math.min(end, this.#clock.monotonic() + this.#stopTimeout);
      if (component.stop) await this.#within(limit, component.stop(), component.name);
      this.#log.debug({ component: component.name }, 'component stopped');
    } catch (error) {
      this.#log.error({ component: component.name, err: error }, 'component failed to stop');
    } finally {
      abort.abort(new Error(`${component.name} is stopped`));
    }
  }

  /** Waits for `work` until the monotonic time `end`; then says so and goes on without it. */
  #within(end: number, work: Promise<void>, name: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const cancel = this.#clock.after(end - this.#clock.monotonic(), () => {
        this.#log.warn({ component: name }, 'component did not stop in time');
        resolve();
      });
      work.then(resolve, reject).finally(cancel);
    });
  }
}

function readiness(component: Component): { ok: boolean; why?: string } {
  try {
    return component.ready?.() ?? { ok: true };
  } catch (error) {
    return { ok: false, why: error instanceof Error ? error.message : String(error) };
  }
}
