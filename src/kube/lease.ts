// Leader election on a Lease. Each term of leadership has a number that fences off earlier terms. Does not know
// what a leader does.

import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { type Clock, sleep, systemClock } from '../runtime/clock.ts';
import { type Log, reasonOf, silentLog } from '../runtime/log.ts';
import type { Client } from './client.ts';
import { isAlreadyExists, isConflict, isNotFound } from './errors.ts';
import {
  type Lease,
  LeaseRecord,
  type LeaseSpec,
  leaseDraft,
  leaseResource,
  microTime,
  nextEpoch,
} from './lease-record.ts';

export interface LeaderElectorOptions {
  client: Client;
  namespace: string;
  name: string;
  /** Must differ between processes, and after each restart. Default: host name and a uuid. */
  identity?: string;
  clock?: Clock;
  /** Unix time in ms, from which the epochs of terms are made (lease-record.ts). Default: `clock.now`. */
  epochNow?: () => number;
  /** In [0, 1). Spreads the attempts. */
  random?: () => number;
  log?: Log;
  /** Milliseconds that others wait after the last renewal they saw. Default 15,000. */
  leaseDuration?: number;
  /** Milliseconds without a renewal after which a leader gives up. Default 10,000. */
  renewDeadline?: number;
  /** Milliseconds between attempts. Default 2,000. */
  retryPeriod?: number;
  /**
   * `epoch` is greater than that of every earlier term. `signal` aborts when the term ends. The promise must settle
   * only when nothing of this term writes any more; releasing the lease waits for it.
   */
  onStartedLeading(epoch: number, signal: AbortSignal): Promise<void> | void;
  /** 'lost': the process must exit, because writes in progress cannot be stopped in time. */
  onStoppedLeading(why: 'lost' | 'stopped'): void;
  onNewLeader?(identity: string): void;
}

/** A term that a write has begun. `sentAt`: monotonic time before that write was sent. */
interface Begun {
  epoch: number;
  sentAt: number;
}

interface Term {
  epoch: number;
  abort: AbortController;
  /** Settles when the leader's work has ended. */
  work: Promise<void>;
  /** Monotonic time before the last successful renewal was sent. Others see it later, so they wait for longer. */
  renewedAt: number;
  /** Cancels the timer that ends the term at its deadline, even while a renewal hangs. */
  cancel: () => void;
}

// From client-go's tools/leaderelection.
const defaults = { leaseDuration: 15_000, renewDeadline: 10_000, retryPeriod: 2_000 };
const jitterFactor = 1.2;

/**
 * A Component of runtime/manager.ts. Waits for the lease, leads one term, and ends:
 *
 *   waiting ──acquired──▶ leading ──deadline passed, taken or deleted──▶ lost
 *      └──stop──▶ ended ◀──stop: the work ends, then the lease is released──┘
 *
 * No clock can rule out two leaders at a time: a process may freeze between its check and its write. So every write
 * of the ledger carries the epoch.
 */
export class LeaderElector {
  readonly name = 'leader election';
  readonly identity: string;
  readonly #opts: LeaderElectorOptions;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #record: LeaseRecord;
  readonly #leaseDuration: number;
  readonly #renewDeadline: number;
  readonly #retryPeriod: number;
  readonly #stop = new AbortController();
  #term: Term | undefined;
  #running: Promise<void> = Promise.resolve();
  /** `stop` was called. The term may still be renewed until its work has ended. */
  #isDraining = false;

  constructor(opts: LeaderElectorOptions) {
    this.#opts = opts;
    this.identity = opts.identity ?? `${hostname()}_${randomUUID()}`;
    this.#clock = opts.clock ?? systemClock;
    this.#log = opts.log ?? silentLog;
    this.#leaseDuration = opts.leaseDuration ?? defaults.leaseDuration;
    this.#renewDeadline = opts.renewDeadline ?? defaults.renewDeadline;
    this.#retryPeriod = opts.retryPeriod ?? defaults.retryPeriod;
    if (this.#renewDeadline >= this.#leaseDuration || this.#retryPeriod >= this.#renewDeadline) {
      throw new RangeError('leader election: retryPeriod < renewDeadline < leaseDuration must hold');
    }
    this.#record = new LeaseRecord(this.#clock, this.#leaseDuration, (identity) => {
      this.#log.info({ leader: identity, me: identity === this.identity }, 'new leader');
      opts.onNewLeader?.(identity);
    });
  }

  /** Whether this process leads, by its own clock. False as soon as the deadline has passed. */
  get isLeader(): boolean {
    return this.#term !== undefined && this.#clock.monotonic() < this.#term.renewedAt + this.#renewDeadline;
  }

  /** The epoch of the present term. */
  get epoch(): number | undefined {
    return this.#term?.epoch;
  }

  /** The holder of the lease as last seen; '' when there is none. */
  get leader(): string {
    return this.#record.holder;
  }

  /** Whether there is a leader, as far as this process knows: the holder of the lease has renewed it in time. */
  get hasLeader(): boolean {
    return this.isLeader || this.#record.isValid();
  }

  /** Whether the stored lease names this process and its present term. Rejects when the read fails. */
  async holdsLease(): Promise<boolean> {
    const { client, namespace, name } = this.#opts;
    const call = { timeoutMs: this.#renewDeadline / 2, retry: false };
    try {
      const { spec } = await client.get(leaseResource, { namespace, name }, call);
      return spec.holderIdentity === this.identity && spec.leaseTransitions === this.#term?.epoch;
    } catch (error) {
      if (isNotFound(error)) return false;
      throw error;
    }
  }

  /** Begins to wait for the lease. Resolves at once, because a process without the lease is ready, too. */
  async start(signal: AbortSignal): Promise<void> {
    signal.addEventListener('abort', () => this.#abort(), { once: true });
    if (signal.aborted) return this.#abort();
    this.#running = this.#run();
  }

  /** Ends the term, keeps renewing while the work ends, then releases the lease. */
  async stop(): Promise<void> {
    this.#isDraining = true;
    const term = this.#term;
    if (term) {
      term.abort.abort(new Error('leadership ends'));
      await term.work;
    }
    this.#stop.abort();
    await this.#running;
  }

  #abort(): void {
    this.#stop.abort();
    this.#term?.abort.abort(new Error('leadership ends'));
  }

  async #run(): Promise<void> {
    const begun = await this.#wait();
    if (!begun) return;
    // When `stop` was called meanwhile, release the lease at once.
    const mayRelease = this.#isEnding || (await this.#lead(begun));
    if (mayRelease) await this.#release();
  }

  get #isEnding(): boolean {
    return this.#isDraining || this.#stop.signal.aborted;
  }

  async #wait(): Promise<Begun | undefined> {
    while (!this.#isEnding) {
      try {
        const begun = await this.#acquire();
        if (begun) return begun;
      } catch (error) {
        this.#warn('lease cannot be read or taken', error);
      }
      // A random part, so that many waiting processes do not try at the same moment.
      const wait = this.#retryPeriod * (1 + jitterFactor * (this.#opts.random ?? Math.random)());
      await sleep(this.#clock, wait, this.#stop.signal);
    }
    return undefined;
  }

  /** The term that begins, or undefined when somebody else holds the lease. */
  async #acquire(): Promise<Begun | undefined> {
    const { client, namespace, name } = this.#opts;
    const call = { timeoutMs: this.#renewDeadline / 2, retry: false };
    let lease: Lease | undefined;
    try {
      lease = await client.get(leaseResource, { namespace, name }, call);
      this.#record.observe(lease);
      // The answer to our last attempt was lost, but the write was stored: the term has begun.
      const begun = this.#record.attempted(this.identity);
      if (begun && this.#clock.monotonic() < begun.sentAt + this.#renewDeadline) return begun;
      // Otherwise our own identity counts like any other holder: wait until that term has run out.
      if (this.#record.isValid()) return undefined;
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    const epoch = nextEpoch(this.#opts.epochNow?.() ?? this.#clock.now(), this.#record.highest);
    const spec = this.#spec(epoch);
    const sentAt = this.#record.attempt(epoch);
    try {
      const written = lease
        ? await client.replace(leaseResource, { ...lease, spec }, call)
        : await client.create(leaseResource, leaseDraft(namespace, name, spec), call);
      this.#record.observe(written);
      return { epoch, sentAt };
    } catch (error) {
      // Another process was faster.
      if (isConflict(error) || isAlreadyExists(error)) return undefined;
      throw error;
    }
  }

  /** Resolves when the term is over. Resolves to true when its work has ended too: then the lease may be released. */
  async #lead({ epoch, sentAt }: Begun): Promise<boolean> {
    const abort = new AbortController();
    const term: Term = { epoch, abort, renewedAt: sentAt, work: Promise.resolve(), cancel: () => {} };
    this.#term = term;
    this.#renewed(term, sentAt);
    let isWorking = true;
    this.#log.info({ identity: this.identity, epoch }, 'leading');
    term.work = Promise.resolve()
      .then(() => this.#opts.onStartedLeading(epoch, abort.signal))
      .catch((error) => {
        // Give up the lease, so that another process can do the work.
        this.#warn('the work of the leader failed', error);
        this.#lose(term, 'its work failed');
      })
      .finally(() => {
        isWorking = false;
      });
    while (!this.#stop.signal.aborted && this.#term === term) {
      await sleep(this.#clock, this.#retryPeriod, this.#stop.signal);
      if (this.#stop.signal.aborted || this.#term !== term) break;
      await this.#renew(term).catch((error) => this.#warn('lease not renewed, trying again', error));
    }
    if (this.#term !== term) return false;
    this.#end(term, 'stopped');
    return !isWorking;
  }

  async #renew(term: Term): Promise<void> {
    const { client, namespace, name } = this.#opts;
    const call = { timeoutMs: this.#renewDeadline / 2, retry: false };
    for (let lease = this.#record.lease!; ; ) {
      const sentAt = this.#clock.monotonic();
      const spec = { ...lease.spec, renewTime: microTime(this.#clock.now()) };
      try {
        this.#record.observe(await client.replace(leaseResource, { ...lease, spec }, call));
        return this.#renewed(term, sentAt);
      } catch (error) {
        // Replacing a deleted lease is a conflict too: the expected uid does not exist.
        if (!isConflict(error) && !isNotFound(error)) throw error;
      }
      // Either our own renewal was stored and its answer was lost, or somebody changed a label, or another process
      // took the lease.
      try {
        lease = await client.get(leaseResource, { namespace, name }, call);
      } catch (error) {
        if (isNotFound(error)) return this.#lose(term, 'the lease was deleted');
        throw error;
      }
      this.#record.observe(lease);
      const { holderIdentity, leaseTransitions } = lease.spec;
      if (holderIdentity !== this.identity || leaseTransitions !== term.epoch) {
        return this.#lose(term, `taken by ${holderIdentity || 'nobody'}`);
      }
    }
  }

  #renewed(term: Term, sentAt: number): void {
    if (this.#term !== term) return;
    term.renewedAt = sentAt;
    term.cancel();
    const left = sentAt + this.#renewDeadline - this.#clock.monotonic();
    term.cancel = this.#clock.after(left, () => this.#lose(term, 'not renewed in time'));
  }

  #lose(term: Term, why: string): void {
    if (this.#term !== term) return;
    this.#log.error({ identity: this.identity, epoch: term.epoch, why }, 'leadership lost');
    this.#end(term, 'lost');
  }

  #end(term: Term, why: 'lost' | 'stopped'): void {
    this.#term = undefined;
    term.cancel();
    term.abort.abort(new Error(`leadership ${why}`));
    this.#opts.onStoppedLeading(why);
  }

  /** Releases the lease, so that others need not wait for its end. A failure is harmless. */
  async #release(): Promise<void> {
    const lease = this.#record.lease!;
    const spec: LeaseSpec = { ...lease.spec, holderIdentity: '', leaseDurationSeconds: 1 };
    spec.renewTime = microTime(this.#clock.now());
    try {
      const call = { timeoutMs: this.#retryPeriod, retry: false };
      await this.#opts.client.replace(leaseResource, { ...lease, spec }, call);
    } catch (error) {
      this.#warn('lease not given back, it will run out', error);
    }
  }

  #warn(message: string, error: unknown): void {
    this.#log.warn({ identity: this.identity, reason: reasonOf(error), err: error }, message);
  }

  #spec(epoch: number): LeaseSpec {
    const now = microTime(this.#clock.now());
    return {
      holderIdentity: this.identity,
      leaseDurationSeconds: Math.ceil(this.#leaseDuration / 1000),
      acquireTime: now,
      renewTime: now,
      leaseTransitions: epoch,
    };
  }
}
