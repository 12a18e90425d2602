// What the API server was asked for, by its own count (apiserver_request_total), and what a while added to it.
import type { Client } from '../../src/kube/client.ts';

export type Requests = Record<string, number>;

/** Requests so far by verb and resource. */
export async function requestsSoFar(admin: Client): Promise<Requests> {
  const { body } = await admin.request('GET', '/metrics', { headers: { accept: 'text/plain' } });
  const sums: Requests = {};
  for (const line of String(body).split('\n')) {
    if (!line.startsWith('apiserver_request_total{')) continue;
    const label = (name: string) => new RegExp(`[{,]${name}="([^"]*)"`).exec(line)?.[1] ?? '';
    const resource = [label('resource'), label('subresource')].filter(Boolean).join('/');
    const refused = label('code') >= '400' ? ` ${label('code')}` : '';
    const name = `${label('verb')} ${resource}${refused}`;
    sums[name] = (sums[name] ?? 0) + Number(line.slice(line.lastIndexOf(' ') + 1));
  }
  return sums;
}

/** Requests between two counts for each of `orders`, the most frequent first; what is rarer than 1 in 100 is left out. */
export function requestsPerOrder(before: Requests, after: Requests, orders: number): Requests {
  const grew = Object.entries(after).map(
    ([name, count]) => [name, (count - (before[name] ?? 0)) / orders] as const,
  );
  return Object.fromEntries(grew.filter(([, count]) => count >= 0.01).sort(([, a], [, b]) => b - a));
}
