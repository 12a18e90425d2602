// Finds the webhook of a request whose path begins with a secret token: `/TOKEN/mutate-…`. Knows neither where the
// tokens come from nor which webhooks there are.
import { timingSafeEqual } from 'node:crypto';

/**
 * Returns a function that takes the token off a path. It returns undefined when the token is not one of `tokens`, the
 * tokens that are accepted now. The comparison takes constant time, so its duration reveals nothing about a token.
 */
export function webhookBehind(tokens: () => Iterable<Buffer>): (path: string) => string | undefined {
  return (path) => {
    const end = path.indexOf('/', 1);
    if (end < 0) return undefined;
    const given = Buffer.from(path.slice(1, end), 'latin1');
    let isRight = false;
    for (const token of tokens()) {
      // All tokens have the same length, and the length need not be secret.
      if (given.length === token.length && timingSafeEqual(given, token)) isRight = true;
    }
    return isRight ? path.slice(end) : undefined;
  };
}
