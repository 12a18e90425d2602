// Decides who may read a page of the metrics port: a token that the API server knows (TokenReview), of a user who may
// `get` the page (SubjectAccessReview of a non-resource URL), as controller-runtime's metrics filter does. Browsers
// send the token as the password of Basic authentication. Knows no page.
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

/** How long an answer counts: a scraper asks every 15 s. A revoked token is refused within the first of them. */
const allowedForMs = 60_000;
const refusedForMs = 10_000;
/** Answers that are remembered. A stranger may send a new token with each request. */
const mostAnswers = 1000;
/** Questions to the API server at once, so that strangers cannot make this process flood it. */
const mostQuestions = 8;
/** Longer than any token of Kubernetes; headers are bounded too. */
const longestToken = 12_000;
const reviewMs = 5000;

const missing: PageRefusal = { code: 401, message: 'a token of the cluster is required' };
const unknown: PageRefusal = { code: 401, message: 'the API server does not know this token' };
const unasked: PageRefusal = {
  code: 503,
  message: 'the API server cannot be asked at this moment; try again',
};

export function clusterAccess(client: Pick<Client, 'create'>, clock: Clock): PageAccess {
  const answers = new Map<string, { answer: { user: string } | PageRefusal; until: number }>();
  const asked = new Map<string, Promise<{ user: string } | PageRefusal>>();
  return async (request, page) => {
    const token = tokenOf(request.headers.authorization);
    if (token === undefined) return missing;
    // Tokens stay out of memory.
    const key = `${createHash('sha256').update(token).digest('hex')} ${page}`;
    const known = answers.get(key);
    if (known && clock.monotonic() < known.until) return known.answer;
    const running = asked.get(key);
    if (running) return running;
    if (asked.size >= mostQuestions) return unasked;
    const question = ask(client, token, page).catch((): PageRefusal => unasked);
    asked.set(key, question);
    const answer = await question.finally(() => asked.delete(key));
    if (answer === unasked) return answer;
    if (answers.size >= mostAnswers) answers.delete(answers.keys().next().value!);
    answers.delete(key);
    answers.set(key, { answer, until: clock.monotonic() + ('user' in answer ? allowedForMs : refusedForMs) });
    return answer;
  };
}

/** @throws ApiError, ConnectionError */
async function ask(
  client: Pick<Client, 'create'>,
  token: string,
  page: string,
): Promise<{ user: string } | PageRefusal> {
  const { status } = await client.create(
    tokenReviews,
    { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', metadata: {}, spec: { token } },
    { timeoutMs: reviewMs },
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
    { timeoutMs: reviewMs },
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
