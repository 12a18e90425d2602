// Starts the parts of a process in order, stops them in reverse order, and says whether they are ready. Does not
// know what the parts do.

import { type Clock, systemClock } from './clock.ts';
import { type Log, silentLog } from './log.ts';

export interface Component {
  readonly name: string;
  /**
   * Resolves when the next parts may rely on this one. It then runs in the background until `stop` is called or
   * `signal` aborts. When `signal` aborts it must end at once. That happens during start because the process is
   * exiting, and later when `stop` has taken too long.
   */
  start(signal: AbortSignal): Promise<void>;
  /** Finishes the work in progress, then ends. */
  stop?(): Promise<void>;
  ready?(): { ok: boolean; why?: string };
}

export interface ManagerOptions {
  log?: Log;
  clock?: Clock;
  /** Milliseconds that `stop` waits for one group. Default 15,000: the admission server drains for 10 s. */
  stopTimeout?: number;
  /** Milliseconds for stopping all groups. Default 28,000: Kubernetes kills the process after 30 s. */
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
 * The order in which a Spikegate process starts, and what each step prevents:
 *
 * 0. installation: it refuses to start beside another Spikegate, before the process writes anything.
 * 1. certificates: without them a server can only fail handshakes.
 * 2. admission server: it MUST listen before the caches fill. To write an object that a cache lists, the API server
 * may need our webhook; with failurePolicy Fail nobody can write before the server answers. It reports "not ready"
 * until the caches are synced.
 * 3. caches: they MUST be synced before anything reads them for a decision. An empty cache says that no order exists,
 * and a reconciler that believes it gives all stock back.
 * 4. leader election: only a process that can work may hold the lease. A process that holds it while its caches
 * fill stops the sale.
 * 5. controllers: only on the leader.
 *
 * They stop in reverse order. Controllers finish before the lease is released; otherwise two leaders would write.
 * The lease is released before the caches and the server stop. The server answers until the end.
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
  #isUp = false;

  constructor(opts: ManagerOptions = {}) {
    this.#log = opts.log ?? silentLog;
    this.#clock = opts.clock ?? systemClock;
    this.#stopTimeout = opts.stopTimeout ?? 15_000;
    this.#gracePeriod = opts.gracePeriod ?? 28_000;
  }

  /** The components of one call are a group. They start together and stop together. */
  add(...group: Component[]): this {
    if (this.#starting) throw new Error('the manager has started already');
    this.#groups.push(group.map((component) => ({ component, abort: new AbortController() })));
    return this;
  }

  /**
   * Starts group after group. When a component fails, stops what has started and throws an error that names the
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

  /** Never rejects. May be called more than once, and before `start` has ended. */
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
    if (why.length === 0 && !this.#isUp) why.push('starting');
    return why.length === 0 ? { ok: true } : { ok: false, why: why.join('; ') };
  }

  async #startAll(): Promise<void> {
    for (const group of this.#groups) {
      if (this.#stopping) return;
      // From here on the group counts as started: a component that failed half-way must be stopped as well.
      this.#started.push(group);
      let first: unknown;
      const fail = (error: unknown) => {
        first ??= error;
        // The other components of the group may wait for the failed one for ever.
        for (const { abort } of group) abort.abort(error);
      };
      await Promise.all(group.map((part) => this.#startOne(part).catch(fail)));
      if (first && !this.#stopping) throw first;
    }
    this.#isUp = true;
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
    if (this.#starting && !this.#isUp) {
      // Abort the group that is starting; otherwise `stop` would have to wait for it.
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

  /** Waits for `work`, at most until the monotonic time `end`. Logs a warning when `work` is not done by then. */
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
