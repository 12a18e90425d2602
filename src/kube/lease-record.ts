// A Lease as one process has seen it: who holds it, since when unchanged, and the number the next term must
// have. Knows nothing of requests, nor of what to do about any of it.

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
 * The epoch of the next term, kept in `leaseTransitions`: greater than every one seen. It also keeps up
 * with the seconds since 2020, so that a Lease which was deleted, or set up anew from a manifest, does not
 * start to count at 0 again and put the new leader behind what the old one wrote. (An int32: until 2088.)
 */
export function nextEpoch(now: number, highest: number): number {
  const epoch = Math.max(highest + 1, Math.floor((now - epochOrigin) / 1000));
  if (epoch > maxInt32) throw new RangeError(`leaseTransitions ${highest} leaves no room for another term`);
  return epoch;
}

/**
 * Whether the lease still runs is judged by when *we* last saw it change, on our own monotonic clock.
 * The times written in it are another machine's, for people to read.
 */
export class LeaseRecord {
  readonly #clock: Clock;
  readonly #ownDuration: number;
  readonly #onHolder: (identity: string) => void;
  #lease: Lease | undefined;
  #text = '';
  #changedAt = 0;
  #highest = 0;
  #attempt: { epoch: number; sentAt: number } | undefined;

  constructor(clock: Clock, leaseDuration: number, onHolder: (identity: string) => void) {
    this.#clock = clock;
    this.#ownDuration = leaseDuration;
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
    if (text === this.#text) return;
    this.#text = text;
    this.#changedAt = this.#clock.monotonic();
    this.#highest = Math.max(this.#highest, lease.spec.leaseTransitions ?? 0);
    if (this.holder && this.holder !== before) this.#onHolder(this.holder);
  }

  /** Whether somebody holds it who may still believe so. */
  isValid(): boolean {
    if (!this.holder) return false;
    const seconds = this.#lease?.spec.leaseDurationSeconds;
    const duration = seconds === undefined ? this.#ownDuration : seconds * 1000;
    return this.#clock.monotonic() < this.#changedAt + duration;
  }

  /** Remembers that a term is about to be written. Returns the monotonic time from which it counts. */
  attempt(epoch: number): number {
    const sentAt = this.#clock.monotonic();
    this.#attempt = { epoch, sentAt };
    return sentAt;
  }

  /** The attempt, where the lease shows that it was stored although no answer came. */
  attempted(identity: string): { epoch: number; sentAt: number } | undefined {
    const stored = this.holder === identity && this.#lease?.spec.leaseTransitions === this.#attempt?.epoch;
    return stored ? this.#attempt : undefined;
  }
}
