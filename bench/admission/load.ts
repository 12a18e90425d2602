// The load of the admission bench, in a process of its own: so many connections, each sending its next review
// as soon as the last one is answered. Every answer is looked at; a wrong one fails the run.
import { percentile } from '../figures.ts';
import { Connection, type Endpoint, headOf } from '../wire.ts';
import { answerParent } from '../worker.ts';
import { cases } from './cases.ts';

export interface LoadOrder {
  endpoint: Endpoint;
  caseName: string;
  connections: number;
  ms: number;
}

export interface LoadResult {
  reviews: number;
  seconds: number;
  /** Milliseconds. */
  p50: number;
  p99: number;
}

const open = new Map<number, Connection[]>();
let sent = 0;

async function connections({ endpoint, connections }: LoadOrder): Promise<Connection[]> {
  const kept = open.get(endpoint.port) ?? [];
  while (kept.length < connections) kept.push(await Connection.open(endpoint));
  open.set(endpoint.port, kept);
  return kept.slice(0, connections);
}

const caseOf = (name: string) => {
  const found = cases.find((it) => it.name === name);
  if (!found) throw new Error(`no case "${name}"`);
  return found;
};

async function load(order: LoadOrder): Promise<LoadResult> {
  const { path, body, expected } = caseOf(order.caseName);
  const head = headOf('POST', path);
  const latencies: number[] = [];
  const began = performance.now();
  const end = began + order.ms;
  const drive = async (connection: Connection) => {
    for (let now = performance.now(); now < end; ) {
      const answer = await connection.send(head, body(++sent));
      if (answer.status !== 200 || !answer.body.includes(expected)) {
        throw new Error(`${order.caseName}: ${answer.status} ${answer.body}`);
      }
      const then = performance.now();
      latencies.push(then - now);
      now = then;
    }
  };
  await Promise.all((await connections(order)).map(drive));
  const seconds = (performance.now() - began) / 1000;
  const sorted = Float64Array.from(latencies).sort();
  return { reviews: sorted.length, seconds, p50: percentile(sorted, 0.5), p99: percentile(sorted, 0.99) };
}

answerParent({
  /** Opens the connections beforehand: handshakes are not what is measured. */
  connect: async (order: LoadOrder) => void (await connections(order)),
  load,
  /** One answer, parsed, and the size of the review. */
  sample: async (order: LoadOrder) => {
    const { path, body } = caseOf(order.caseName);
    const text = body(++sent);
    const [connection] = await connections({ ...order, connections: 1 });
    const answer = await connection!.send(headOf('POST', path), text);
    return {
      path: path.split('?')[0],
      asked: text.length,
      answered: answer.body.length,
      answer: JSON.parse(answer.body),
    };
  },
});
