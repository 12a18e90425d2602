// Finds the webhook of a request whose path has a secret in it: `/SECRET/mutate-…`. Knows neither where the secrets
// come from nor which webhooks there are.
import { timingSafeEqual } from 'node:crypto';

/** `tokens`: those that are accepted now. Compares in constant time, so the time says nothing of a token. */
export function webhookBehind(tokens: () => Iterable<Buffer>): (path: string) => string | undefined {
  return (path) => {
    const end = path.indexOf('/', 1);
    if (end < 0) return undefined;
    const given = Buffer.from(path.slice(1, end), 'latin1');
    let isRight = false;
    for (const token of tokens()) {
      // All tokens have one length, which is no secret.
      if (given.length === token.length && timingSafeEqual(given, token)) isRight = true;
    }
    return isRight ? path.slice(end) : undefined;
  };
}
