// Leader election on a Lease, and a number for each term of leadership that fences off the terms before it.
// Knows nothing of what a leader does.

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
  /** Must be another one in each process, and after each restart. Default: host name and a uuid. */
  identity?: string;
  clock?: Clock;
  /** Epoch ms from which the numbers of terms count on. Default: the clock's. */
  epochNow?: () => number;
  /** In [0, 1). */
  random?: () => number;
  log?: Log;
  /** Milliseconds: how long others wait after the last renewal they saw. Default 15,000. */
  leaseDuration?: number;
  /** Milliseconds after which a leader that could not renew gives up. Default 10,000. */
  renewDeadline?: number;
  /** Milliseconds between attempts. Default 2,000. */
  retryPeriod?: number;
  /**
   * `epoch` is greater than that of every term before. `signal` aborts when the term ends. The promise
   * settles when nothing of this term writes any more: a lease given back waits for it.
   */
  onStartedLeading(epoch: number, signal: AbortSignal): Promise<void> | void;
  /** 'lost': the process must exit; what it still has under way cannot be called back in time. */
  onStoppedLeading(why: 'lost' | 'stopped'): void;
  onNewLeader?(identity: string): void;
}

/** `sentAt`: monotonic, before the write that began the term. */
interface Begun {
  epoch: number;
  sentAt: number;
}

interface Term {
  epoch: number;
  abort: AbortController;
  /** Settles when the leader's work has ended. */
  work: Promise<void>;
  /** Monotonic, before the last successful renewal was sent: others count from later than this. */
  renewedAt: number;
  /** Cancels the timer that ends the term at its deadline, even while a renewal hangs. */
  cancel: () => void;
}

// client-go's tools/leaderelection.
const defaults = { leaseDuration: 15_000, renewDeadline: 10_000, retryPeriod: 2_000 };
const jitterFactor = 1.2;

/**
 * A Component of runtime/manager.ts. Waits for the lease, leads one term, and ends:
 *
 *     waiting ──acquired──▶ leading ──deadline passed, taken or deleted──▶ lost
 *        └──stop──▶ ended ◀──stop: work ends, lease given back──┘
 *
 * Two leaders at a time cannot be ruled out by any clock: a process may be frozen between its check and
 * its write. Hence the epoch, which the ledger stores with everything it writes.
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
  #draining = false;

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

  /** Whether this process leads, by its own clock: false as soon as the deadline has passed. */
  get isLeader(): boolean {
    return this.#term !== undefined && this.#clock.monotonic() < this.#term.renewedAt + this.#renewDeadline;
  }

  /** Of the term that is on. */
  get epoch(): number | undefined {
    return this.#term?.epoch;
  }

  /** Who holds the lease as far as seen from here; '' when nobody does. */
  get leader(): string {
    return this.#record.holder;
  }

  /** Whether that holder has renewed in time, as far as seen from here. */
  get hasLeader(): boolean {
    return this.isLeader || this.#record.isValid();
  }

  /** Begins to wait for the lease; a process that only waits is as ready as one that leads. */
  async start(signal: AbortSignal): Promise<void> {
    signal.addEventListener('abort', () => this.#abort(), { once: true });
    if (signal.aborted) return this.#abort();
    this.#running = this.#run();
  }

  /** Ends the term, waits for its work while it still renews, then gives the lease back. */
  async stop(): Promise<void> {
    this.#draining = true;
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
    // Acquired while stopping: given back at once.
    const clean = this.#ending || (await this.#lead(begun));
    if (clean) await this.#release();
  }

  get #ending(): boolean {
    return this.#draining || this.#stop.signal.aborted;
  }

  async #wait(): Promise<Begun | undefined> {
    while (!this.#ending) {
      try {
        const begun = await this.#acquire();
        if (begun) return begun;
      } catch (error) {
        this.#warn('lease cannot be read or taken', error);
      }
      // Stretched at random, so that many who wait do not come at the same moment.
      const wait = this.#retryPeriod * (1 + jitterFactor * (this.#opts.random ?? Math.random)());
      await sleep(this.#clock, wait, this.#stop.signal);
    }
    return undefined;
  }

  /** The term that begins, or undefined while somebody else holds the lease. */
  async #acquire(): Promise<Begun | undefined> {
    const { client, namespace, name } = this.#opts;
    const call = { timeoutMs: this.#renewDeadline / 2, retry: false };
    let lease: Lease | undefined;
    try {
      lease = await client.get(leaseResource, { namespace, name }, call);
      this.#record.observe(lease);
      // The answer to our last attempt was lost, but not the write: the term has begun.
      const begun = this.#record.attempted(this.identity);
      if (begun && this.#clock.monotonic() < begun.sentAt + this.#renewDeadline) return begun;
      // Held by our own identity counts as held: it is a term that another process, or we, gave up.
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
      // Somebody was faster.
      if (isConflict(error) || isAlreadyExists(error)) return undefined;
      throw error;
    }
  }

  /** Resolves when the term is over: true when its work is too, so that the lease may be given back. */
  async #lead({ epoch, sentAt }: Begun): Promise<boolean> {
    const abort = new AbortController();
    const term: Term = { epoch, abort, renewedAt: sentAt, work: Promise.resolve(), cancel: () => {} };
    this.#term = term;
    this.#renewed(term, sentAt);
    let working = true;
    this.#log.info({ identity: this.identity, epoch }, 'leading');
    term.work = Promise.resolve()
      .then(() => this.#opts.onStartedLeading(epoch, abort.signal))
      .catch((error) => {
        // To renew on would keep everybody else from doing what this process cannot.
        this.#warn('the work of the leader failed', error);
        this.#lose(term, 'its work failed');
      })
      .finally(() => {
        working = false;
      });
    while (!this.#stop.signal.aborted && this.#term === term) {
      await sleep(this.#clock, this.#retryPeriod, this.#stop.signal);
      if (this.#stop.signal.aborted || this.#term !== term) break;
      await this.#renew(term).catch((error) => this.#warn('lease not renewed, trying again', error));
    }
    if (this.#term !== term) return false;
    this.#end(term, 'stopped');
    return !working;
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
        // To replace a lease that was deleted is a conflict too: the uid it expects is not there.
        if (!isConflict(error) && !isNotFound(error)) throw error;
      }
      // A renewal of ours whose answer was lost, somebody who put a label on it, or the next leader.
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

  /** Whoever waits need not wait for the lease to run out. Failing is harmless: then it runs out. */
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
