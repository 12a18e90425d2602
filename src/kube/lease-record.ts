// A Lease as one process has seen it: who holds it, since when it is unchanged, and the number that the next term
// must have. Knows nothing of requests, and decides nothing.

import type { Clock } from '../runtime/clock.ts';
import type { Draft, KubeObject, Resource } from './objects.ts';

export interface LeaseSpec {
  holderIdentity?: string;
  leaseDurationSeconds?: number;
  acquireTime?: string;
  renewTime?: string;
  leaseTransitions?: number;
}

export interface Lease extends KubeObject {
  spec: LeaseSpec;
}

export const leaseResource: Resource<Lease> = {
  group: 'coordination.k8s.io',
  version: 'v1',
  kind: 'Lease',
  plural: 'leases',
  namespaced: true,
};

export function leaseDraft(namespace: string, name: string, spec: LeaseSpec): Draft<Lease> {
  return { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { namespace, name }, spec };
}

/** meta/v1 MicroTime. */
export function microTime(ms: number): string {
  return new Date(ms).toISOString().replace('Z', '000Z');
}

const epochOrigin = Date.UTC(2020, 0, 1);
const maxInt32 = 2 ** 31 - 1;

/**
 * The epoch of the next term, stored in `leaseTransitions`. It is greater than every epoch seen, and at least the
 * number of seconds since 2020. Without the second rule, the epochs would start again at 0 when somebody deletes
 * the Lease or applies it again from a manifest, and a new term could get the number of an old one. The field is an
 * int32, which is large enough until 2088.
 */
export function nextEpoch(now: number, highest: number): number {
  const seconds = Math.floor((now - epochOrigin) / 1000);
  const epoch = Math.max(highest + 1, seconds);
  // No elector writes such a high number, so somebody else wrote it. The seconds are a safe epoch although they are
  // smaller: a leader compares terms for equality only (ledger/terms.ts), so it is enough that no epoch comes twice.
  return epoch > maxInt32 ? seconds : epoch;
}

/**
 * Whether the lease is still valid depends on when *this process* last saw it change, by its own monotonic clock.
 * The times in the Lease come from another machine's clock. Only people read them.
 */
export class LeaseRecord {
  readonly #clock: Clock;
  /** In ms, for a Lease that names no duration. */
  readonly #defaultDuration: number;
  readonly #onHolder: (identity: string) => void;
  #lease: Lease | undefined;
  #specText = '';
  #changedAt = 0;
  #highest = 0;
  #attempt: { epoch: number; sentAt: number } | undefined;

  constructor(clock: Clock, leaseDuration: number, onHolder: (identity: string) => void) {
    this.#clock = clock;
    this.#defaultDuration = leaseDuration;
    this.#onHolder = onHolder;
  }

  /** As last read or written. */
  get lease(): Lease | undefined {
    return this.#lease;
  }

  get holder(): string {
    return this.#lease?.spec.holderIdentity ?? '';
  }

  /** The greatest epoch ever seen. */
  get highest(): number {
    return this.#highest;
  }

  observe(lease: Lease): void {
    const before = this.holder;
    this.#lease = lease;
    const text = JSON.stringify(lease.spec);
    if (text === this.#specText) return;
    this.#specText = text;
    this.#changedAt = this.#clock.monotonic();
    this.#highest = Math.max(this.#highest, lease.spec.leaseTransitions ?? 0);
    if (this.holder && this.holder !== before) this.#onHolder(this.holder);
  }

  /** Whether there is a holder that may still believe it holds the lease. */
  isValid(): boolean {
    if (!this.holder) return false;
    const seconds = this.#lease?.spec.leaseDurationSeconds;
    const duration = seconds === undefined ? this.#defaultDuration : seconds * 1000;
    return this.#clock.monotonic() < this.#changedAt + duration;
  }

  /** Call it before the write that begins a term. Returns the monotonic time at which the term begins. */
  attempt(epoch: number): number {
    const sentAt = this.#clock.monotonic();
    this.#attempt = { epoch, sentAt };
    return sentAt;
  }

  /** The last attempt, when the Lease shows that it was stored although no answer came. */
  attempted(identity: string): { epoch: number; sentAt: number } | undefined {
    const stored = this.holder === identity && this.#lease?.spec.leaseTransitions === this.#attempt?.epoch;
    return stored ? this.#attempt : undefined;
  }
}
