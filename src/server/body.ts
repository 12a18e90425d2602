// Reads a request body of bounded size into JSON. Express' own reader costs as much as all our rules.
import type { IncomingMessage } from 'node:http';

/** The API server sends at most two objects of 1.5 MiB, escaped: 7 MiB is above anything it stores. */
export const largestBody = 7 * 1024 * 1024;

export class BadRequest extends Error {
  readonly code: number;
  readonly reason: string;
  /** The rest of the body is not read, so the connection cannot be used again. */
  readonly closes: boolean;
  constructor(code: number, reason: string, message: string, closes = false) {
    super(message);
    this.code = code;
    this.reason = reason;
    this.closes = closes;
  }
}

/** Throws BadRequest: 405, 413, 415, or 400 for a body that is not JSON or ends early. */
export async function readBody(request: IncomingMessage): Promise<unknown> {
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
  const text = await readText(request);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new BadRequest(400, 'BadRequest', `the body is not JSON: ${(error as Error).message}`);
  }
}

function readText(request: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > largestBody) {
        request.pause();
        reject(tooLarge(size));
      } else {
        chunks.push(chunk);
      }
    });
    request.on('end', () =>
      resolve((chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)).toString('utf8')),
    );
    const early = () => {
      if (!request.complete) reject(new BadRequest(400, 'BadRequest', 'the body ended early', true));
    };
    request.on('error', early);
    request.on('close', early);
  });
}

const tooLarge = (size: number): BadRequest =>
  new BadRequest(
    413,
    'RequestEntityTooLarge',
    `the body must be at most ${largestBody} bytes, got ${size}`,
    true,
  );
