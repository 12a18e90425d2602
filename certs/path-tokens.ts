// The secret in the webhooks' path: which tokens there are, which one the webhook configurations contain, and when the
// next step is due. Pure: state and time in, a step out. Knows no Secret and no webhook configuration.
//
// A token is rotated in the same steps as a CA (rotation.ts). It is stored first, so that every replica accepts it
// before the API server may use it. After the overlap it is published. The older ones stay accepted for another
// overlap, because an API server learns of the new path with a delay.

import { randomBytes } from 'node:crypto';

export interface PathToken {
  /** 32 random bytes in hexadecimal: a path may have lower case letters and digits only. */
  readonly token: string;
  /** When it was stored, epoch ms. */
  readonly added: number;
  /** When it was first in every webhook configuration, epoch ms. */
  readonly published?: number;
}

/** Both in ms. */
export interface PathSettings {
  /** Age at which a published token gets a successor. */
  readonly lifetime: number;
  /** Longer than any replica or API server takes to learn of a change. */
  readonly overlap: number;
}

export type PathStep = 'add' | 'publish' | 'drop';

/** Number of characters of a token. */
export const tokenLength = 64;
const tokenPattern = new RegExp(`^[0-9a-f]{${tokenLength}}$`);

export const newToken = (): string => randomBytes(32).toString('hex');

/** `tokens`: oldest first. */
export function nextPathStep(
  tokens: readonly PathToken[],
  { lifetime, overlap }: PathSettings,
  now: number,
): PathStep | undefined {
  const newest = tokens.at(-1);
  if (!newest) return 'add';
  // A replica whose clock was ahead wrote a time that is still to come. Without this, nothing changed until then.
  const isToCome = (time: number) => time > now + overlap;
  if (newest.published !== undefined && isToCome(newest.published)) return 'publish';
  if (newest.published === undefined && tokens.length > 1 && isToCome(newest.added)) return 'add';
  if (newest.published === undefined) {
    // Without an older token no webhook call works until this one is published, so do not wait for the overlap.
    return tokens.length === 1 || newest.added + overlap <= now ? 'publish' : undefined;
  }
  if (tokens.length > 1) return newest.published + overlap <= now ? 'drop' : undefined;
  return newest.published + lifetime <= now ? 'add' : undefined;
}

/** The tokens after a step. `token` is used by the step 'add' only. */
export function afterPathStep(
  tokens: readonly PathToken[],
  step: PathStep,
  now: number,
  token: string,
): PathToken[] {
  if (step === 'add') return [...tokens, { token, added: now }];
  if (step === 'drop') return tokens.slice(-1);
  return tokens.map((it, index) => (index === tokens.length - 1 ? { ...it, published: now } : it));
}

/** The token for the webhook configurations: the newest published one. While none is published, the oldest. */
export const tokenInUse = (tokens: readonly PathToken[]): string | undefined =>
  (tokens.findLast(({ published }) => published !== undefined) ?? tokens[0])?.token;

/** The tokens in a Secret's data. Skips damaged entries: when none is left, the next step adds a new token. */
export function parsePathTokens(data: Record<string, string> | undefined): PathToken[] {
  let entries: unknown;
  try {
    entries = JSON.parse(data?.tokens ?? '[]');
  } catch {
    return [];
  }
  if (!Array.isArray(entries)) return [];
  return entries.flatMap((entry: { token?: unknown; added?: unknown; published?: unknown } | null) => {
    const { token, added, published } = entry ?? {};
    if (typeof token !== 'string' || !tokenPattern.test(token)) return [];
    return [{ token, added: timeOf(added) ?? 0, ...publishedAt(timeOf(published)) }];
  });
}

export const serializePathTokens = (tokens: readonly PathToken[]): Record<string, string> => ({
  tokens: JSON.stringify(
    tokens.map(({ token, added, published }) => ({
      token,
      added: new Date(added).toISOString(),
      ...(published === undefined ? {} : { published: new Date(published).toISOString() }),
    })),
  ),
});

const publishedAt = (published: number | undefined) => (published === undefined ? {} : { published });

function timeOf(text: unknown): number | undefined {
  const time = typeof text === 'string' ? Date.parse(text) : Number.NaN;
  return Number.isFinite(time) ? time : undefined;
}
