// Decides who may read a page of the metrics port. As in controller-runtime's metrics filter, the API server must accept
// the caller's token (TokenReview), and the user must have the right to `get` the page (SubjectAccessReview of a
// non-resource URL). Browsers send the token as the password of Basic authentication. Knows no page.
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Client } from '../kube/client.ts';
import type { KubeObject, Resource } from '../kube/objects.ts';
import type { Clock } from '../runtime/clock.ts';

export interface PageRefusal {
  code: 401 | 403 | 503;
  message: string;
}

/** Resolves to the user's name, or to why the page is refused. */
export type PageAccess = (request: IncomingMessage, page: string) => Promise<{ user: string } | PageRefusal>;

interface User {
  username?: string;
  uid?: string;
  groups?: string[];
  extra?: Record<string, string[]>;
}

interface Review<Spec, Status> extends KubeObject {
  spec: Spec;
  status?: Status;
}

const reviewOf = <Spec, Status>(group: string, kind: string): Resource<Review<Spec, Status>> => ({
  group,
  version: 'v1',
  kind,
  plural: `${kind.toLowerCase()}s`,
  namespaced: false,
});
const tokenReviews = reviewOf<{ token: string }, { authenticated?: boolean; user?: User }>(
  'authentication.k8s.io',
  'TokenReview',
);
const accessReviews = reviewOf<
  {
    user: string;
    uid: string;
    groups: string[];
    extra: Record<string, string[]>;
    nonResourceAttributes: { path: string; verb: string };
  },
  { allowed?: boolean }
>('authorization.k8s.io', 'SubjectAccessReview');

/**
 * How long an answer is cached. A scraper calls every 15 s, so most calls need no review. A revoked token still works
 * for up to `allowedForMs`.
 */
const allowedForMs = 60_000;
const refusedForMs = 10_000;
/** Maximum number of cached answers, because a stranger may send a new token with each request. */
const maxAnswers = 1000;
/** Maximum number of concurrent checks, so that strangers cannot make this process flood the API server. */
const maxChecks = 8;
/** In characters. No token of Kubernetes is longer. */
const longestToken = 12_000;
const reviewTimeoutMs = 5000;

const missing: PageRefusal = { code: 401, message: 'a token of the cluster is required' };
const unknown: PageRefusal = { code: 401, message: 'the API server does not know this token' };
const unavailable: PageRefusal = {
  code: 503,
  message: 'the API server cannot be asked at this moment; try again',
};

export function clusterAccess(client: Pick<Client, 'create'>, clock: Clock): PageAccess {
  const answers = new Map<string, { answer: { user: string } | PageRefusal; until: number }>();
  const checks = new Map<string, Promise<{ user: string } | PageRefusal>>();
  return async (request, page) => {
    const token = tokenOf(request.headers.authorization);
    if (token === undefined) return missing;
    // Keep a hash instead of the token, so that no cached token can leak from memory.
    const key = `${createHash('sha256').update(token).digest('hex')} ${page}`;
    const cached = answers.get(key);
    if (cached && clock.monotonic() < cached.until) return cached.answer;
    const running = checks.get(key);
    if (running) return running;
    if (checks.size >= maxChecks) return unavailable;
    const check = ask(client, token, page).catch((): PageRefusal => unavailable);
    checks.set(key, check);
    const answer = await check.finally(() => checks.delete(key));
    if (answer === unavailable) return answer;
    if (answers.size >= maxAnswers) answers.delete(answers.keys().next().value!);
    // Delete first: a Map keeps the place of an existing key, and the oldest key is evicted first.
    answers.delete(key);
    answers.set(key, { answer, until: clock.monotonic() + ('user' in answer ? allowedForMs : refusedForMs) });
    return answer;
  };
}

/** Asks the API server. Throws ApiError or ConnectionError when it does not answer. */
async function ask(
  client: Pick<Client, 'create'>,
  token: string,
  page: string,
): Promise<{ user: string } | PageRefusal> {
  const { status } = await client.create(
    tokenReviews,
    { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', metadata: {}, spec: { token } },
    { timeoutMs: reviewTimeoutMs },
  );
  const { username: user = '', uid = '', groups = [], extra = {} } = status?.user ?? {};
  if (!status?.authenticated || !user) return unknown;
  const review = await client.create(
    accessReviews,
    {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SubjectAccessReview',
      metadata: {},
      spec: { user, uid, groups, extra, nonResourceAttributes: { path: page, verb: 'get' } },
    },
    { timeoutMs: reviewTimeoutMs },
  );
  if (review.status?.allowed) return { user };
  return { code: 403, message: `${user} may not get ${page}` };
}

function tokenOf(header: string | undefined): string | undefined {
  const [, scheme = '', given = ''] = /^(Bearer|Basic) +([^\s]+)$/i.exec(header ?? '') ?? [];
  const isBasic = scheme.toLowerCase() === 'basic';
  const token = isBasic
    ? Buffer.from(given, 'base64')
        .toString('latin1')
        .replace(/^[^:]*:/, '')
    : given;
  return token !== '' && token.length <= longestToken ? token : undefined;
}
