// Writes answers: JSON or YAML, errors as Status, warnings as headers.

import type { ServerResponse } from 'node:http';
import { stringify } from 'yaml';
import type { ApiError } from '../status.ts';
import type { Accepted } from './accept.ts';

export interface Answer {
  code: number;
  /** JSON text. */
  json: string;
  headers?: Record<string, string>;
}

const warningHeader = (text: string) => `299 - "${text.replace(/[\\"]/g, '\\$&').replace(/[\r\n]+/g, ' ')}"`;

// A header carries Latin-1 only. Other characters would make the response fail.
const headerSafe = (text: string) => text.replace(/[^\x20-\x7e]/g, '?');

export const warningHeaders = (warnings: readonly string[]): string[] =>
  [...new Set(warnings)].map((text) => headerSafe(warningHeader(text)));

export function send(
  res: ServerResponse,
  answer: Answer,
  accept: Accepted | undefined,
  warnings: readonly string[],
): void {
  if (res.headersSent || res.destroyed) return;
  const body = Buffer.from(accept?.yaml ? stringify(JSON.parse(answer.json)) : answer.json);
  const headers: Record<string, string | number | string[]> = {
    'content-type': accept?.yaml ? 'application/yaml' : 'application/json',
    'content-length': body.length,
    'cache-control': 'no-cache, private',
    ...answer.headers,
  };
  if (warnings.length > 0) headers.warning = warningHeaders(warnings);
  res.writeHead(answer.code, headers);
  res.end(body);
}

export function sendText(
  res: ServerResponse,
  code: number,
  text: string,
  headers: Record<string, string> = {},
): void {
  if (res.headersSent || res.destroyed) return;
  res.writeHead(code, {
    'content-type': 'text/plain; charset=utf-8',
    'content-length': Buffer.byteLength(text),
    ...headers,
  });
  res.end(text);
}

export function errorAnswer(error: ApiError): Answer {
  return { code: error.code, json: JSON.stringify(error.status), headers: error.headers };
}
