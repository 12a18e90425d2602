// The policy of renewal and rotation: what the stored certificates need next, as a list of small pure
// functions; a rule more is a line more. Knows no Kubernetes, no I/O, and no clock but the `now` it is given.
//
// What the order of steps protects: at every instant every served leaf verifies against every published
// bundle. So a CA is added to the bundle first, the bundle is published and only then confirmed, the API
// servers get time to notice (`overlap`), and then leaves change. A CA leaves the bundle when it has expired:
// a leaf never outlives its CA, so nobody can be serving one of its leaves by then.

import type { ServingPair } from './source.ts';

export interface Authority {
  /** PEM. */
  readonly cert: string;
  /** PEM; undefined for a CA that signs no more. */
  readonly key?: string | undefined;
  readonly fingerprint: string;
  /** Milliseconds since the epoch, as every time here. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** Since when everybody has been told to trust it; undefined before that is confirmed. */
  readonly publishedAt?: number | undefined;
}

export interface Leaf {
  readonly pair: ServingPair;
  /** DNS names and IP addresses, canonical. */
  readonly names: readonly string[];
  /** Fingerprint of the authority in the bundle that signed it; undefined when none of them did. */
  readonly authority: string | undefined;
}

export interface RotationState {
  /** In the order they were added: that, not a date, says which is newer when clocks differ. */
  readonly authorities: readonly Authority[];
  readonly leaf?: Leaf | undefined;
}

export interface RotationSettings {
  /** Canonical names that the leaf must have. */
  readonly names: readonly string[];
  readonly authorityLifetime: number;
  readonly leafLifetime: number;
  /** From the confirmation that a CA is published to the first leaf it signs. */
  readonly overlap: number;
}

/** A stable word for logs and tests, and a sentence for people. */
interface Why {
  readonly reason: string;
  readonly message: string;
}

export type Step = Why &
  (
    | { readonly do: 'add-authority' }
    | { readonly do: 'publish' }
    | { readonly do: 'issue-leaf'; readonly authority: Authority; readonly names: readonly string[] }
    | { readonly do: 'drop-authorities'; readonly keep: readonly Authority[] }
  );

type Policy = (state: RotationState, settings: RotationSettings, now: number) => Step | undefined;

/** Expired is not gone: a replica or an API server whose clock is behind may still rely on it. */
const longestSkew = 5 * 60_000;

/** The first that has something to do decides. Publishing comes before leaves: a leaf needs a trusted CA. */
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

/** What to do next, or undefined when all is well. Every step changes the state so that it is not asked for again. */
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
  // X.509 counts seconds: below this, two thirds of a life is lost in rounding.
  must(leafLifetime >= 5_000, `leafLifetime must be at least 5000 ms, got ${leafLifetime}`);
  must(
    authorityLifetime >= leafLifetime,
    `authorityLifetime must be at least leafLifetime (${leafLifetime} ms), got ${authorityLifetime}`,
  );
  // The next CA is added at two thirds; it must be ready to sign well before the old one ends.
  must(
    overlap >= 0 && overlap <= authorityLifetime / 6,
    `overlap must be at most a sixth of authorityLifetime (${authorityLifetime / 6} ms), got ${overlap}`,
  );
}

/** The leaf, if it may be served: within its dates, and signed by a CA whose publication is confirmed. */
export function usableLeaf(state: RotationState, now: number): Leaf | undefined {
  const { leaf } = state;
  if (!leaf || !authorityOf(leaf, state)?.publishedAt) return undefined;
  const notBefore = leaf.pair.notBefore.getTime();
  return isValid({ notBefore, notAfter: leaf.pair.notAfter.getTime() }, now) ? leaf : undefined;
}

export function authorityOf(leaf: Leaf, state: RotationState): Authority | undefined {
  return state.authorities.find((authority) => authority.fingerprint === leaf.authority);
}

/** The state after all its CAs were published. */
export function confirmPublished(state: RotationState, now: number): RotationState {
  const authorities = state.authorities.map((one) => ({ ...one, publishedAt: one.publishedAt ?? now }));
  return { ...state, authorities };
}

/**
 * The state after the publication turned out to have been undone (someone applied an old manifest) and was
 * repeated: for CAs that wait to sign, the overlap begins again. Undefined when there is none, or when its
 * overlap has hardly begun: in a fight with an eager pipeline that bounds the writes to four per overlap.
 */
export function publicationUndone(
  state: RotationState,
  settings: RotationSettings,
  now: number,
): RotationState | undefined {
  const signed = state.authorities.findIndex((one) => one.fingerprint === state.leaf?.authority);
  const authorities = state.authorities.map((one, index) => {
    const restarts = index > signed && one.publishedAt !== undefined;
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

/** What part of its life is over, 0 to 1. */
function age({ notBefore, notAfter }: Life, now: number): number {
  return (now - notBefore) / (notAfter - notBefore);
}

function canSign(authority: Authority, now: number): boolean {
  return authority.key !== undefined && isValid(authority, now);
}

/**
 * The authority that is to sign the next leaf: the newest that has been published for the overlap. The
 * authority of the present leaf needs no overlap, it is trusted already. Where nothing good is served, or
 * not for long, a CA that is published but young is better than an outage.
 */
function signerOf(state: RotationState, settings: RotationSettings, now: number): Authority | undefined {
  const leaf = usableLeaf(state, now);
  const able = state.authorities.filter((one) => canSign(one, now) && one.publishedAt !== undefined);
  const settled = able.filter(
    (one) => one.fingerprint === leaf?.authority || now - one.publishedAt! >= settings.overlap,
  );
  if (leaf && age(lifeOf(leaf), now) < 0.9) return settled.at(-1);
  const better = (one: Authority) => !leaf || givesMoreLife(one, leaf, settings, now);
  return settled.findLast(better) ?? able.find(better);
}

/** Whether a new leaf from `authority` would end later than `leaf`: where both end with the CA, renewing gains nothing. */
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
  // The names of the old leaf are kept until its regular renewal: while a rollout changes names, replicas
  // of both configurations share one leaf, and neither may take the other's name away.
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
