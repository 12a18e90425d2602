// The measure of the admission bench: node:https that reads the body, parses it and answers a review of the
// size it was told, with no framework, no checks, no logs. Also the webhook that does nothing, for the orders.
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { answerParent } from '../worker.ts';
import type { Pair } from './server.ts';

/** What to answer by path (without its query), all but the uid; any other path: allowed. */
const answers = new Map<string, Record<string, unknown>>();

async function start(pair: Pair): Promise<number> {
  const server = createServer({ ...pair, keepAliveTimeout: 120_000, noDelay: true }, (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const review = JSON.parse((chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)).toString('utf8'));
      const { url = '' } = request;
      const query = url.indexOf('?');
      const rest = answers.get(query < 0 ? url : url.slice(0, query)) ?? { allowed: true };
      const answer = {
        apiVersion: 'admission.k8s.io/v1',
        kind: 'AdmissionReview',
        response: { ...rest, uid: review.request.uid },
      };
      const text = JSON.stringify(answer);
      const head = { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) };
      response.writeHead(200, head).end(text);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

answerParent({
  start,
  answer: ({ path, response }: { path: string; response: Record<string, unknown> }) => {
    answers.set(path, response);
  },
});
