// The stream of a watch: one JSON object per line, in chunks that end anywhere. Knows the frame of a watch event.
// Does not know what is watched, nor when to start again.

import type { IncomingMessage } from 'node:http';
import type { WatchEvent } from './client.ts';
import { ApiError, ConnectionError, type Status } from './errors.ts';
import type { KubeObject } from './objects.ts';

const newline = 0x0a;

/**
 * Cuts bytes into lines. It works on bytes because a chunk may end inside a UTF-8 character; no byte of such a
 * character equals a newline.
 */
export class LineSplitter {
  readonly #onLine: (line: string) => void;
  #rest: Buffer[] = [];

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  push(chunk: Buffer): void {
    let start = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
      if (this.#rest.length > 0) {
        // A large object may arrive in hundreds of chunks. Join them once, at the end of the line.
        this.#rest.push(chunk.subarray(start, end));
        const line = Buffer.concat(this.#rest).toString('utf8');
        this.#rest = [];
        this.#onLine(line);
      } else if (end > start) {
        this.#onLine(chunk.toString('utf8', start, end));
      }
      start = end + 1;
    }
    if (start < chunk.length) this.#rest.push(chunk.subarray(start));
  }

  /** Whether the bytes so far end inside a line. */
  get midLine(): boolean {
    return this.#rest.length > 0;
  }
}

export interface WatchSink<T extends KubeObject> {
  onEvent(event: WatchEvent<T>): void;
  onActivity?: (() => void) | undefined;
  signal?: AbortSignal | undefined;
}

/** Reads `response` to its end. Resolves and rejects as `Client.watch` does. `request` names the watch in errors. */
export function readWatch<T extends KubeObject>(
  response: IncomingMessage,
  request: string,
  { onEvent, onActivity, signal }: WatchSink<T>,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let ended = false;
    const end = (error?: unknown) => {
      if (ended) return;
      ended = true;
      signal?.removeEventListener('abort', abort);
      // Destroy the response instead of reading the rest: after an abort, the server would go on sending for minutes.
      response.destroy();
      if (error === undefined) resolve();
      else reject(error);
    };
    const broken = (kind: ConnectionError['kind'], text: string, cause?: unknown) =>
      end(new ConnectionError(kind, `${request}: ${text}`, { ambiguous: false, cause }));
    const abort = () => broken('aborted', 'aborted', signal?.reason);

    const lines = new LineSplitter((line) => {
      if (ended || line.trim() === '') return;
      const event = JSON.parse(line) as WatchEvent<T> | { type: 'ERROR'; object: Status };
      if (event.type === 'ERROR') throw new ApiError(event.object.code ?? 500, event.object);
      onEvent(event);
    });
    response.on('data', (chunk: Buffer) => {
      if (ended) return;
      onActivity?.();
      try {
        lines.push(chunk);
      } catch (error) {
        if (error instanceof SyntaxError) broken('network', `not JSON: ${error.message}`, error);
        else end(error);
      }
    });
    response.on('error', (error: NodeJS.ErrnoException) => broken('network', error.message, error));
    response.on('end', () => (lines.midLine ? broken('network', 'the stream ended inside an event') : end()));
    response.on('close', () => broken('network', 'the connection closed'));
    if (signal?.aborted) abort();
    else signal?.addEventListener('abort', abort, { once: true });
  });
}
