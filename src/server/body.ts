// Reads a request body of bounded size and parses it as JSON. Express' own reader is not used, because it costs as much
// CPU as all our rules.
import type { IncomingMessage } from 'node:http';
import type { BodyBudget, Charge } from './body-budget.ts';
import { type JsonLimits, whyTooComplex } from './json-limits.ts';

/**
 * A review has at most two objects of 1.5 MiB each. JSON escapes make them longer, but a review of objects that the API
 * server can store never needs more than 7 MiB.
 */
export const largestBody = 7 * 1024 * 1024;

export class BadRequest extends Error {
  readonly code: number;
  readonly reason: string;
  /** The rest of the body stays unread, so the connection cannot be used for another request. */
  readonly closes: boolean;
  constructor(code: number, reason: string, message: string, closes = false) {
    super(message);
    this.code = code;
    this.reason = reason;
    this.closes = closes;
  }
}

/** The complexity that the JSON of a body may have: of ordinary size, and larger. */
const ordinaryLimits: JsonLimits = { depth: 1000, tokens: 50_000 };
const largeLimits: JsonLimits = { depth: 1000, tokens: 300_000 };

export interface Body {
  /** The parsed JSON. */
  value: unknown;
  bytes: number;
}

/**
 * Reads a body and passes it to `use`. The body counts in `budget` until `use` has ended. Bodies of more than
 * `ordinary` bytes are handled one at a time. Throws BadRequest: 405, 413, 415, 429, or 400 for a body that is
 * not JSON, is too complex, or ends early.
 */
export async function withBody<T>(
  request: IncomingMessage,
  { budget, ordinary }: { budget: BodyBudget; ordinary: number },
  use: (body: Body) => Promise<T>,
): Promise<T> {
  if (request.method !== 'POST') {
    throw new BadRequest(405, 'MethodNotAllowed', `${request.method} is not POST`, true);
  }
  const type = request.headers['content-type'] ?? '';
  if (!/^application\/json *(;|$)/i.test(type)) {
    throw new BadRequest(
      415,
      'UnsupportedMediaType',
      `Content-Type must be application/json, got "${type}"`,
      true,
    );
  }
  const declared = Number(request.headers['content-length'] ?? 0);
  if (declared > largestBody) throw tooLarge(declared);
  const { bytes, charge } = await readBytes(request, budget);
  try {
    if (bytes.length <= ordinary) return await use(parsed(bytes, ordinaryLimits));
    return await budget.oneByOne(async () => {
      if (request.socket.destroyed) throw endedEarly();
      return use(parsed(bytes, largeLimits));
    });
  } finally {
    charge.release();
  }
}

function parsed(bytes: Buffer, limits: JsonLimits): Body {
  const why = whyTooComplex(bytes, limits);
  if (why) throw new BadRequest(400, 'BadRequest', why);
  try {
    return { value: JSON.parse(bytes.toString('utf8')), bytes: bytes.length };
  } catch (error) {
    throw new BadRequest(400, 'BadRequest', `the body is not JSON: ${(error as Error).message}`);
  }
}

function readBytes(request: IncomingMessage, budget: BodyBudget): Promise<{ bytes: Buffer; charge: Charge }> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const charge = budget.begin(() => fail(outOfRoom));
    const fail = (error: BadRequest) => {
      request.pause();
      chunks.length = 0;
      charge.release();
      reject(error);
    };
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > largestBody) return fail(tooLarge(size));
      chunks.push(chunk);
      charge.grow(chunk.length);
    });
    request.on('end', () => {
      charge.complete();
      resolve({ bytes: chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks), charge });
    });
    const failIfIncomplete = () => {
      if (!request.complete) fail(endedEarly());
    };
    request.on('error', failIfIncomplete);
    request.on('close', failIfIncomplete);
  });
}

const endedEarly = () => new BadRequest(400, 'BadRequest', 'the body ended early', true);

const outOfRoom = new BadRequest(
  429,
  'TooManyRequests',
  'too many request bodies are under way; try again',
  true,
);

const tooLarge = (size: number): BadRequest =>
  new BadRequest(
    413,
    'RequestEntityTooLarge',
    `the body must be at most ${largestBody} bytes, got ${size}`,
    true,
  );
