// One HTTPS request to a server of the control plane, in JSON. Tests of ours use the client in src/kube;
// the control plane itself must not depend on it.

import { request } from 'node:https';

export interface Target {
  /** `https://127.0.0.1:port` */
  server: string;
  /** PEM */
  ca: string;
  admin: { cert: string; key: string };
}

export interface Answer {
  status: number;
  /** Parsed when the answer is JSON, else the text. */
  // biome-ignore lint/suspicious/noExplicitAny: any object of any kind
  body: any;
}

/** @param more `token`: speak as its user instead of as the administrator; `timeoutMs`: 10 s unless given */
export function callApi(
  target: Target,
  method: string,
  path: string,
  more: { body?: unknown; token?: string; contentType?: string; timeoutMs?: number } = {},
): Promise<Answer> {
  const { token, contentType = 'application/json', timeoutMs = 10_000 } = more;
  const headers: Record<string, string> = { accept: 'application/json' };
  if (token) headers.authorization = `Bearer ${token}`;
  if (more.body !== undefined) headers['content-type'] = contentType;
  return new Promise((resolve, reject) => {
    const call = request(
      new URL(path, target.server),
      { method, headers, ca: target.ca, agent: false, timeout: timeoutMs, ...(token ? {} : target.admin) },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          const isJson = response.headers['content-type']?.startsWith('application/json');
          resolve({ status: response.statusCode ?? 0, body: isJson ? JSON.parse(text) : text });
        });
      },
    );
    call.on('timeout', () => call.destroy(new Error(`no answer in ${timeoutMs} ms`)));
    call.on('error', reject);
    call.end(more.body === undefined ? undefined : JSON.stringify(more.body));
  });
}
