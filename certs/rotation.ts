// The policy of renewal and rotation: the next step for the stored certificates, as a list of small pure functions.
// A new rule is a new line. No Kubernetes, no I/O; the time is the argument `now`.
//
// The order of steps keeps one rule: at every moment, every published bundle verifies every leaf that is in
// service. So the bundle gets a new CA first. The bundle is published, and the publication is confirmed. Then API
// servers get time to notice (`overlap`). Only then does the new CA sign a leaf. A CA leaves the bundle when it has
// expired: no leaf outlives its CA, so no replica can still serve one of its leaves.

import type { ServingPair } from './pair.ts';

export interface Authority {
  /** PEM. */
  readonly cert: string;
  /** PEM. Undefined for a CA that no longer signs. */
  readonly key?: string | undefined;
  readonly fingerprint: string;
  /** Milliseconds since the epoch, like every time in this file. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** When its publication was confirmed; undefined until then. */
  readonly publishedAt?: number | undefined;
}

export interface Leaf {
  readonly pair: ServingPair;
  /** DNS names and IP addresses, canonical. */
  readonly names: readonly string[];
  /** Fingerprint of the CA that signed it; undefined when no CA of the bundle did. */
  readonly authority: string | undefined;
}

export interface RotationState {
  /** In the order in which they were added. Dates cannot tell which CA is newer, because replicas' clocks differ. */
  readonly authorities: readonly Authority[];
  readonly leaf?: Leaf | undefined;
}

export interface RotationSettings {
  /** Canonical names that the leaf must have. */
  readonly names: readonly string[];
  readonly authorityLifetime: number;
  readonly leafLifetime: number;
  /** Minimum time from the confirmation that a CA is published to the first leaf that it signs. */
  readonly overlap: number;
}

interface Explanation {
  /** A stable word for logs and tests. */
  readonly reason: string;
  /** A sentence for people. */
  readonly message: string;
}

export type Step = Explanation &
  (
    | { readonly do: 'add-authority' }
    | { readonly do: 'publish' }
    | { readonly do: 'issue-leaf'; readonly authority: Authority; readonly names: readonly string[] }
    | { readonly do: 'drop-authorities'; readonly keep: readonly Authority[] }
  );

type Policy = (state: RotationState, settings: RotationSettings, now: number) => Step | undefined;

/** An expired CA stays this much longer: a replica or an API server whose clock is behind may still rely on it. */
const longestSkew = 5 * 60_000;

/**
 * The first policy with something to do decides. Publishing comes before leaves, because a leaf needs a trusted CA.
 */
const policies: readonly Policy[] = [
  authorityMissing,
  authorityAging,
  authorityUnpublished,
  leafMissing,
  leafLacksNames,
  leafOfOldAuthority,
  leafAging,
  authorityExpired,
];

/** The next step, or undefined when nothing is due. A step that was carried out is not due again. */
export function nextStep(state: RotationState, settings: RotationSettings, now: number): Step | undefined {
  for (const policy of policies) {
    const step = policy(state, settings, now);
    if (step) return step;
  }
  return undefined;
}

/** @throws RangeError when the lifetimes cannot work together */
export function checkSettings({ authorityLifetime, leafLifetime, overlap, names }: RotationSettings): void {
  const must = (held: boolean, rule: string) => {
    if (!held) throw new RangeError(rule);
  };
  must(names.length > 0, 'a serving certificate must have at least one name');
  // X.509 counts whole seconds. With a shorter life, rounding could make a new leaf old enough for renewal.
  must(leafLifetime >= 5_000, `leafLifetime must be at least 5000 ms, got ${leafLifetime}`);
  must(
    authorityLifetime >= leafLifetime,
    `authorityLifetime must be at least leafLifetime (${leafLifetime} ms), got ${authorityLifetime}`,
  );
  // The next CA is added when two thirds of the old CA's life are over. It must be ready to sign well before the
  // old CA ends.
  must(
    overlap >= 0 && overlap <= authorityLifetime / 6,
    `overlap must be at most a sixth of authorityLifetime (${authorityLifetime / 6} ms), got ${overlap}`,
  );
}

/** The leaf, if it may be served: it is within its dates, and the publication of its CA is confirmed. */
export function usableLeaf(state: RotationState, now: number): Leaf | undefined {
  const { leaf } = state;
  if (!leaf || !authorityOf(leaf, state)?.publishedAt) return undefined;
  const notBefore = leaf.pair.notBefore.getTime();
  return isValid({ notBefore, notAfter: leaf.pair.notAfter.getTime() }, now) ? leaf : undefined;
}

export function authorityOf(leaf: Leaf, state: RotationState): Authority | undefined {
  return state.authorities.find((authority) => authority.fingerprint === leaf.authority);
}

/** The state after all CAs of the bundle were published. */
export function confirmPublished(state: RotationState, now: number): RotationState {
  const authorities = state.authorities.map((one) => ({ ...one, publishedAt: one.publishedAt ?? now }));
  return { ...state, authorities };
}

/**
 * The state after somebody has undone a publication (by applying an old manifest) and we have repeated it. The
 * overlap begins again for each CA that is published but does not sign yet. Undefined when there is no such CA, or
 * when less than a quarter of the overlap is over. So a pipeline that always undoes it causes at most four writes per
 * overlap.
 */
export function publicationUndone(
  state: RotationState,
  settings: RotationSettings,
  now: number,
): RotationState | undefined {
  const signerIndex = state.authorities.findIndex((one) => one.fingerprint === state.leaf?.authority);
  const authorities = state.authorities.map((one, index) => {
    const restarts = index > signerIndex && one.publishedAt !== undefined;
    return restarts && now - one.publishedAt > settings.overlap / 4 ? { ...one, publishedAt: now } : one;
  });
  const changed = authorities.some((one, index) => one !== state.authorities[index]);
  return changed ? { ...state, authorities } : undefined;
}

interface Life {
  notBefore: number;
  notAfter: number;
}

function lifeOf(leaf: Leaf): Life {
  return { notBefore: leaf.pair.notBefore.getTime(), notAfter: leaf.pair.notAfter.getTime() };
}

function isValid(life: Life, now: number): boolean {
  return life.notBefore <= now && now < life.notAfter;
}

/** The fraction of a life that is over, 0 to 1. */
function age({ notBefore, notAfter }: Life, now: number): number {
  return (now - notBefore) / (notAfter - notBefore);
}

function canSign(authority: Authority, now: number): boolean {
  return authority.key !== undefined && isValid(authority, now);
}

/**
 * The CA that signs the next leaf: the newest one whose overlap is over. The CA of the present leaf needs no
 * overlap, because it is trusted already. A published CA may sign before its overlap is over when there is no usable
 * leaf, or when nine tenths of the leaf's life are over: that is better than an outage.
 */
function signerOf(state: RotationState, settings: RotationSettings, now: number): Authority | undefined {
  const leaf = usableLeaf(state, now);
  const candidates = state.authorities.filter((one) => canSign(one, now) && one.publishedAt !== undefined);
  const pastOverlap = candidates.filter(
    (one) => one.fingerprint === leaf?.authority || now - one.publishedAt! >= settings.overlap,
  );
  if (leaf && age(lifeOf(leaf), now) < 0.9) return pastOverlap.at(-1);
  const improves = (one: Authority) => !leaf || givesMoreLife(one, leaf, settings, now);
  return pastOverlap.findLast(improves) ?? candidates.find(improves);
}

/**
 * Whether a new leaf from `authority` ends later than `leaf`. It does not when `leaf` ends with that CA already.
 */
function givesMoreLife(authority: Authority, leaf: Leaf, settings: RotationSettings, now: number): boolean {
  return Math.min(now + settings.leafLifetime, authority.notAfter) > lifeOf(leaf).notAfter;
}

function authorityMissing({ authorities }: RotationState, _: RotationSettings, now: number) {
  if (authorities.some((authority) => canSign(authority, now))) return undefined;
  return {
    do: 'add-authority',
    reason: 'AuthorityMissing',
    message: 'there is no valid CA whose key is known',
  } as const;
}

function authorityAging({ authorities }: RotationState, _: RotationSettings, now: number) {
  const newest = authorities.findLast((authority) => canSign(authority, now));
  if (!newest || age(newest, now) < 2 / 3) return undefined;
  return {
    do: 'add-authority',
    reason: 'AuthorityAging',
    message: `two thirds of the newest CA's life are over, it ends at ${isoTime(newest.notAfter)}`,
  } as const;
}

function authorityUnpublished({ authorities }: RotationState) {
  const waiting = authorities.filter((authority) => authority.publishedAt === undefined);
  if (waiting.length === 0) return undefined;
  return {
    do: 'publish',
    reason: 'AuthorityUnpublished',
    message: `${waiting.length} of ${authorities.length} CAs are not confirmed as published`,
  } as const;
}

function leafMissing(state: RotationState, settings: RotationSettings, now: number) {
  if (usableLeaf(state, now)) return undefined;
  return issue(state, settings, now, 'LeafMissing', 'there is no valid leaf of a published CA');
}

function leafLacksNames(state: RotationState, settings: RotationSettings, now: number) {
  const leaf = usableLeaf(state, now);
  const missing = settings.names.filter((name) => !leaf?.names.includes(name));
  if (!leaf || missing.length === 0) return undefined;
  // Keep the names of the old leaf until its regular renewal. While a rollout changes names, replicas of both
  // configurations share one leaf, and neither may remove the other's names.
  const names = [...new Set([...settings.names, ...leaf.names])];
  return issue(state, settings, now, 'LeafLacksNames', `the leaf lacks ${missing.join(', ')}`, names);
}

function leafOfOldAuthority(state: RotationState, settings: RotationSettings, now: number) {
  const leaf = usableLeaf(state, now);
  const signer = signerOf(state, settings, now);
  if (!leaf || !signer || leaf.authority === signer.fingerprint) return undefined;
  return issue(state, settings, now, 'LeafOfOldAuthority', 'a newer CA is published and may sign');
}

function leafAging(state: RotationState, settings: RotationSettings, now: number) {
  const leaf = usableLeaf(state, now);
  const signer = signerOf(state, settings, now);
  if (!leaf || !signer || age(lifeOf(leaf), now) < 2 / 3) return undefined;
  if (!givesMoreLife(signer, leaf, settings, now)) return undefined;
  const end = isoTime(lifeOf(leaf).notAfter);
  return issue(
    state,
    settings,
    now,
    'LeafAging',
    `two thirds of the leaf's life are over, it ends at ${end}`,
  );
}

function authorityExpired({ authorities }: RotationState, _: RotationSettings, now: number) {
  const keep = authorities.filter((authority) => now < authority.notAfter + longestSkew);
  const expired = authorities.length - keep.length;
  if (expired === 0) return undefined;
  const message = `${expired} of ${authorities.length} CAs have expired`;
  return { do: 'drop-authorities', keep, reason: 'AuthorityExpired', message } as const;
}

function issue(
  state: RotationState,
  settings: RotationSettings,
  now: number,
  reason: string,
  message: string,
  names = settings.names,
) {
  const authority = signerOf(state, settings, now);
  return authority && ({ do: 'issue-leaf', authority, names, reason, message } as const);
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}
