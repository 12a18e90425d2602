// The shop of the bench, a process of its own: clients that create objects on a real API server, each sending
// its next one as soon as the last is stored, or all together at a steady rate. Knows nothing of webhooks.
import { percentile } from '../figures.ts';
import { Connection, type Endpoint, headOf } from '../wire.ts';
import { answerParent } from '../worker.ts';

export interface ClientsOrder {
  endpoint: Endpoint;
  token: string;
  /** Collection to POST to. */
  path: string;
  /** JSON of the object; `#` is replaced by the number of the object, `@` by the number of the client. */
  body: string;
  clients: number;
  /** First number. */
  from: number;
  /** Ends after this long, or after so many, whichever is first. */
  ms?: number;
  count?: number;
  /** Objects per second, all clients together; default: as fast as they can. */
  rate?: number;
}

export interface ClientsResult {
  created: number;
  seconds: number;
  /** Milliseconds of the creates that succeeded, waits for a 429 included. */
  p50: number;
  p99: number;
  /** Answers of 429, each waited for and tried again. */
  busy: number;
  /** Other answers, by status, and one of them. */
  failed: Record<string, number>;
  example: string;
}

const open: Connection[] = [];

async function create(order: ClientsOrder): Promise<ClientsResult> {
  const { endpoint, token, path, clients, from, ms = 600_000, count = Number.POSITIVE_INFINITY } = order;
  const head = headOf('POST', path, { Authorization: `Bearer ${token}`, 'User-Agent': 'shop' });
  const latencies: number[] = [];
  const result = { busy: 0, failed: {} as Record<string, number>, example: '' };
  while (open.length < clients) open.push(await Connection.open(endpoint));
  const began = performance.now();
  let taken = 0;
  const client = async (number: number): Promise<void> => {
    for (;;) {
      if (performance.now() - began >= ms || taken >= count) return;
      const turn = taken++;
      if (order.rate) await until(began + (turn / order.rate) * 1000);
      const body = order.body.replaceAll('#', String(from + turn)).replaceAll('@', String(number));
      const sent = performance.now();
      for (;;) {
        if (open[number]!.isBroken) open[number] = await Connection.open(endpoint);
        const answer = await open[number]!.send(head, body).catch((error: Error) => ({
          status: 0,
          body: error.message,
          retryAfter: undefined,
        }));
        if (answer.status === 429) {
          result.busy++;
          await until(performance.now() + (answer.retryAfter ?? 1) * 1000);
          continue;
        }
        if (answer.status === 201) latencies.push(performance.now() - sent);
        else {
          result.failed[answer.status] = (result.failed[answer.status] ?? 0) + 1;
          result.example = answer.body.slice(0, 500);
        }
        break;
      }
    }
  };
  await Promise.all(Array.from({ length: clients }, (_, number) => client(number)));
  const seconds = (performance.now() - began) / 1000;
  const sorted = Float64Array.from(latencies).sort();
  return {
    ...result,
    created: sorted.length,
    seconds,
    p50: percentile(sorted, 0.5),
    p99: percentile(sorted, 0.99),
  };
}

function until(time: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, time - performance.now())));
}

answerParent({ create });
