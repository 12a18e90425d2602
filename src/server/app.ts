// The Express application: reads bodies, routes reviews to admission, answers health checks. Knows no rule.
import type { Socket } from 'node:net';
import express, { type Express, type NextFunction, type Request, type Response } from 'express';
import type { AdmissionContext } from '../../webhooks/context.ts';
import { mutatePath, validatePath } from '../../webhooks/registry.ts';
import { reviewBytes, type Webhooks } from '../../webhooks/webhook.ts';
import { type Refusal, refuse } from '../api/refusals.ts';
import { longestName } from '../api/schema.ts';
import type { AdmissionRequest, AdmissionResponse, AdmissionReview } from '../kube/admission.ts';
import { isUnavailable } from '../kube/errors.ts';
import type { KubeObject } from '../kube/objects.ts';
import { debugs, type Log } from '../runtime/log.ts';
import { mutate, validate } from './admission.ts';
import { BadRequest, type Body, withBody } from './body.ts';
import { BodyBudget } from './body-budget.ts';
import { type CallerCheck, everybody } from './callers.ts';
import { deny, errored, reviewOf, whatIsWrong, whyNotJudged } from './review.ts';
import type { AdmissionMetrics, CountDecision } from './telemetry.ts';

export interface AppOptions {
  registry: readonly Webhooks<KubeObject>[];
  context: AdmissionContext;
  /** The only namespaces whose objects are judged. Empty or absent: all. */
  namespaces?: readonly string[];
  log: Log;
  metrics: AdmissionMetrics;
  /** Called for every decision, on the hot path. It must count or note, and return. */
  onDecision?(decision: Decision, message: string): void;
  /** The reasons why this replica is not ready; empty when it is. */
  readiness(): Promise<string[]>;
  /** Who may call a webhook. Default: everybody. Health checks need no permission. */
  callers?: CallerCheck;
  /**
   * Takes the path of a request's URL and removes the secret from it. The result is the path of a webhook. Undefined
   * when the secret is wrong. Default: paths have no secret.
   */
  webhookAt?(path: string): string | undefined;
  /** For tests. Default: a budget of its own. */
  budget?: BodyBudget;
  /**
   * Called for each connection that has brought a valid review. When there are too many connections, the others are
   * closed first.
   */
  onCaller?(socket: Socket): void;
  /**
   * True from the moment when a drain is over. The server then answers 503, so that clients go to another replica.
   */
  isRefusing(): boolean;
}

/** One decision of admission, as it is logged and as listeners receive it. */
export interface Decision {
  step: Step;
  kind: string;
  /** The trace id of the API server's request, if the API server traces. */
  traceID: string | undefined;
  namespace: string | undefined;
  name: string | undefined;
  /** The object's uid. */
  uid: string | undefined;
  operation: string;
  subresource: string | undefined;
  requestID: string;
  allowed: boolean;
  reason: string | undefined;
  dryRun: true | undefined;
  ms: number;
}

/** The API server's own default, for a call that names no timeout. */
const defaultTimeoutMs = 10_000;
/** Subtracted from the caller's timeout, so that the answer arrives in time. */
const answerMarginMs = 250;

type Step = 'mutate' | 'validate';
type Judge = (request: AdmissionRequest, deadline: number) => AdmissionResponse | Promise<AdmissionResponse>;

export function createApp(options: AppOptions): Express {
  const { context, registry, budget = new BodyBudget(), webhookAt = (path: string) => path } = options;
  const app = express();
  app.disable('x-powered-by');
  app.set('etag', false);
  app.set('query parser', false);
  const reviews = new Map<string, ReturnType<typeof admission>>();
  for (const webhooks of registry) {
    const { kind } = webhooks;
    const mutating: Judge = (request, deadline) => mutate(webhooks, request, context, deadline);
    const validating: Judge = (request, deadline) => validate(webhooks, request, context, deadline);
    const countDecision = options.metrics.decisions(kind.kind);
    reviews.set(mutatePath(kind), admission(options, budget, webhooks, 'mutate', mutating));
    reviews.set(
      validatePath(kind),
      admission(options, budget, webhooks, 'validate', validating, countDecision),
    );
  }
  // One look-up by path. Express would try every route's pattern.
  app.use((request, response, next) => {
    const webhook = webhookAt(request.url.split('?', 1)[0]!);
    const admit = webhook === undefined ? undefined : reviews.get(webhook);
    return admit ? admit(request, response) : next();
  });
  app.get('/healthz', (_request, response) => void response.type('text').send('ok'));
  app.get('/readyz', async (_request, response) => {
    const missing = await options.readiness();
    response.status(missing.length === 0 ? 200 : 503).type('text');
    response.send(
      missing.length === 0 ? 'ok' : `not ready:\n${missing.map((why) => `- ${why}`).join('\n')}\n`,
    );
  });
  app.use((request, response) => {
    if (request.method === 'POST') options.metrics.refusedCaller('path');
    refuseCall(response, 404, 'NotFound', 'no webhook at this path');
  });
  app.use((error: unknown, _request: Request, response: Response, _next: NextFunction) => {
    options.log.error({ err: error }, 'request failed');
    refuseCall(response, 500, 'InternalError', 'internal error');
  });
  return app;
}

function admission(
  options: AppOptions,
  budget: BodyBudget,
  webhooks: Webhooks<KubeObject>,
  step: Step,
  judge: Judge,
  countDecision?: CountDecision,
) {
  const { clock } = options.context;
  const { callers = everybody } = options;
  const { kind } = webhooks;
  const metrics = options.metrics.route(step === 'mutate' ? mutatePath(kind) : validatePath(kind));
  return async (request: Request, response: Response): Promise<void> => {
    const started = clock.monotonic();
    metrics.began();
    let code = 500;
    try {
      if (options.isRefusing()) {
        response.set('Retry-After', '1').set('Connection', 'close');
        code = refuseCall(response, 503, 'ServiceUnavailable', 'shutting down');
        return;
      }
      const stranger = callers(request);
      if (stranger) {
        options.metrics.refusedCaller('certificate');
        // The body stays unread, so the connection cannot be used for another request.
        response.set('Connection', 'close');
        code = refuseCall(response, stranger.code, stranger.reason, stranger.message);
        return;
      }
      // A body of more than `ordinary` bytes waits for other large ones (body.ts).
      const limits = { budget, ordinary: webhooks.reviewBytes ?? reviewBytes };
      code = await withBody(request, limits, async (body) => {
        const review = reviewIn(body);
        options.onCaller?.(request.socket);
        const deadline = started + timeoutOf(request) - answerMarginMs;
        const answer =
          whyTooLarge(review.request, body.bytes, limits.ordinary) ??
          (await judgeSafely(options, webhooks, review, deadline, judge));
        send(response, 200, reviewOf(answer));
        const { request: asked } = review;
        if (!asked.dryRun)
          countDecision?.(asked.operation, answer.allowed ? undefined : answer.status?.reason);
        tellDecision(
          options,
          { step, kind: kind.kind, traceID: traceOf(request) },
          asked,
          answer,
          clock.monotonic() - started,
        );
        return answer.status?.code ?? 200;
      });
    } catch (error) {
      code = badRequest(response, error, options.log);
    } finally {
      metrics.ended(code, (clock.monotonic() - started) / 1000);
    }
  };
}

function reviewIn({ value: review }: Body): AdmissionReview {
  const wrong = whatIsWrong(review);
  if (wrong) throw new BadRequest(400, 'BadRequest', wrong);
  return review as AdmissionReview;
}

/**
 * Refuses new content that is too large. An object that is stored already may have grown (by labels, say); it must
 * still be able to lose its finalizers and to be deleted.
 */
function whyTooLarge(request: AdmissionRequest, bytes: number, most: number): AdmissionResponse | undefined {
  if (request.operation !== 'CREATE' || bytes <= most) return undefined;
  const message = `the review of a new ${request.kind.kind} must be at most ${most} bytes, got ${bytes}`;
  return errored(request.uid, 413, 'RequestEntityTooLarge', message);
}

/** A rule that throws must not crash the process, and the API server must still get an answer. */
async function judgeSafely(
  options: AppOptions,
  webhooks: Webhooks<KubeObject>,
  { request }: AdmissionReview,
  deadline: number,
  judge: Judge,
): Promise<AdmissionResponse> {
  const wrong = whyNotJudged(request, webhooks.kind, options.namespaces ?? []);
  if (wrong) return errored(request.uid, 400, 'BadRequest', wrong);
  try {
    const answer = judge(request, deadline);
    return answer instanceof Promise ? await withinTime(options, request, answer, deadline) : answer;
  } catch (error) {
    const about = { err: error, requestID: request.uid, kind: request.kind.kind };
    if (isUnavailable(error)) {
      options.log.warn(about, 'the API server could not be asked');
      return deny(request, notAnswered);
    }
    options.log.error(about, 'admission failed');
    options.metrics.panicked();
    return errored(request.uid, 500, 'InternalError', `internal error (request ${request.uid})`);
  }
}

const notAnswered: Refusal = {
  ...refuse('TooManyRequests', 'the API server could not be asked about the objects; try again'),
  retryAfterSeconds: 1,
};

/** Every wait in admission has its own time limit. This one makes sure that there is an answer in any case. */
function withinTime(
  { context: { clock } }: AppOptions,
  request: AdmissionRequest,
  answer: Promise<AdmissionResponse>,
  deadline: number,
): Promise<AdmissionResponse> {
  return new Promise((resolve, reject) => {
    const cancel = clock.after(Math.max(0, deadline - clock.monotonic()) + answerMarginMs / 2, () =>
      resolve({
        ...errored(request.uid, 429, 'TooManyRequests', 'admission ran out of time; try again'),
        status: {
          status: 'Failure',
          code: 429,
          reason: 'TooManyRequests',
          message: 'admission ran out of time; try again',
          details: { retryAfterSeconds: 1 },
        },
      }),
    );
    answer.then(resolve, reject).finally(cancel);
  });
}

/** Reads `?timeout=5s`, which the API server appends. */
function timeoutOf(request: Request): number {
  const match = /[?&]timeout=(\d+(?:\.\d+)?)(ms|s|m)?(?:&|$)/.exec(request.url);
  if (!match) return defaultTimeoutMs;
  const unit = match[2] === 'ms' ? 1 : match[2] === 'm' ? 60_000 : 1000;
  return Math.min(Math.max(Number(match[1]) * unit, 2 * answerMarginMs), 30_000);
}

function badRequest(response: Response, error: unknown, log: Log): number {
  if (error instanceof BadRequest) {
    if (error.closes) response.set('Connection', 'close');
    if (error.code === 405) response.set('Allow', 'POST');
    return refuseCall(response, error.code, error.reason, error.message);
  }
  log.error({ err: error }, 'request failed');
  return refuseCall(response, 500, 'InternalError', 'internal error');
}

/** An answer outside a review: a Status, as in every Kubernetes API. */
function refuseCall(response: Response, code: number, reason: string, message: string): number {
  if (response.headersSent || response.destroyed) return code;
  send(response, code, {
    apiVersion: 'v1',
    kind: 'Status',
    metadata: {},
    status: 'Failure',
    code,
    reason,
    message,
  });
  return code;
}

function send(response: Response, code: number, body: unknown): void {
  const text = JSON.stringify(body);
  response.writeHead(code, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) });
  // A string, not a buffer: Node then sends it in one piece with the headers.
  response.end(text);
}

/** The trace id from the `traceparent` header (W3C Trace Context). Undefined when the API server does not trace. */
function traceOf({ headers: { traceparent } }: Request): string | undefined {
  if (traceparent === undefined) return undefined;
  return /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$/.exec(String(traceparent))?.[1];
}

/** A forged review may carry a name of megabytes. Log lines and the board show its beginning only. */
const clipped = (text: string | undefined): string | undefined => text?.slice(0, longestName);

/**
 * Logs one line for each decision. A mutating webhook that only filled in defaults is logged at debug: it decides
 * nothing, and that halves the log.
 */
function tellDecision(
  { log, onDecision }: AppOptions,
  call: Pick<Decision, 'step' | 'kind' | 'traceID'>,
  request: AdmissionRequest,
  answer: AdmissionResponse,
  milliseconds: number,
): void {
  const isDecision = call.step === 'validate' || !answer.allowed;
  if (!isDecision && !debugs(log)) return;
  const { metadata } = request.object ?? request.oldObject ?? {};
  const decision: Decision = {
    ...call,
    namespace: request.namespace,
    // The review has no name under generateName and on a collection delete. The object has one.
    name: clipped(request.name || metadata?.name),
    uid: clipped(metadata?.uid),
    operation: request.operation,
    subresource: request.subResource || undefined,
    requestID: request.uid,
    allowed: answer.allowed,
    reason: answer.status?.reason,
    dryRun: request.dryRun || undefined,
    ms: Math.round(milliseconds * 100) / 100,
  };
  const message = answer.allowed ? 'allowed' : (answer.status?.message ?? 'refused');
  if (!isDecision) log.debug(decision, message);
  else {
    log.info(decision, message);
    onDecision?.(decision, message);
  }
}
