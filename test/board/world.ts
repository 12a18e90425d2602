// A board on a server of its own, over real caches that a test fills by hand and a clock that it turns. No API
// server, no browser.
import { createServer, get, type IncomingHttpHeaders, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import type { SpikeGoods } from '../../src/api/spike-goods.ts';
import type { SpikeOrder } from '../../src/api/spike-order.ts';
import { Board, type BoardOptions } from '../../src/board/board.ts';
import type { State } from '../../src/board/wire.ts';
import { ObjectCache } from '../../src/kube/cache.ts';
import { SimulatedClock, settle } from '../simulated-clock.ts';

export const start = Date.UTC(2026, 0, 1, 12);
export const at = (ms: number): string => new Date(start + ms).toISOString();

let revision = 0;

function meta(namespace: string, name: string, uid: string) {
  return { namespace, name, uid, resourceVersion: String(++revision), creationTimestamp: at(0) };
}

export interface GoodsSketch {
  namespace?: string;
  title?: string;
  stock?: number;
  left?: number;
  reserved?: number;
  num?: number;
  startTime?: string;
  endTime?: string;
}

export function goods(name: string, sketch: GoodsSketch = {}): SpikeGoods {
  const { namespace = 'shop', title, stock = 100, left = stock, reserved = 0, num = 0 } = sketch;
  return {
    apiVersion: 'myapp.spike.com/v1',
    kind: 'SpikeGoods',
    metadata: meta(namespace, name, `goods-${namespace}-${name}`),
    spec: {
      ...(title === undefined ? {} : { goodsName: title }),
      price: 1000,
      spikePrice: 800,
      stockCount: stock,
      startTime: sketch.startTime ?? at(-1000),
      endTime: sketch.endTime ?? at(86_400_000),
    },
    status: { lastStockCount: left, reserved, num },
  };
}

export function order(
  name: string,
  sketch: Partial<SpikeOrder['spec'] & SpikeOrder['status']> = {},
): SpikeOrder {
  const { phase = 'Unpaid', money = 800, payTime, createTime = at(0), expiredTime = at(300_000) } = sketch;
  return {
    apiVersion: 'myapp.spike.com/v1',
    kind: 'SpikeOrder',
    metadata: meta('shop', name, `order-${name}`),
    spec: {
      buyerId: sketch.buyerId ?? 'buyer1',
      goodsMap: sketch.goodsMap ?? { phone: 1 },
      createTime,
      expiredTime,
      isPay: phase === 'Paid',
      ...(payTime === undefined ? {} : { payTime }),
    },
    status: { phase, money },
  };
}

export interface BoardWorld {
  clock: SimulatedClock;
  caches: { goods: ObjectCache<SpikeGoods>; orders: ObjectCache<SpikeOrder> };
  board: Board;
  port: number;
  server: Server;
}

export async function openBoard(t: TestContext, options: Partial<BoardOptions> = {}): Promise<BoardWorld> {
  const clock = new SimulatedClock(start);
  const caches = { goods: new ObjectCache<SpikeGoods>(), orders: new ObjectCache<SpikeOrder>() };
  const board = new Board({
    caches,
    clock,
    paymentWindowMs: 300_000,
    facts: () => ({ replica: 'pod-a', leader: { who: 'here', name: 'pod-a' } }),
    firstSteps: ['kubectl create -f sale.yaml'],
    ...options,
  });
  const server = createServer((request, response) => {
    const user = request.headers['x-user'] as string | undefined;
    if (!board.handle(request, response, user)) response.writeHead(404).end('not the board');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(async () => {
    board.stop();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { clock, caches, board, server, port: (server.address() as AddressInfo).port };
}

export interface Answer {
  code: number;
  headers: IncomingHttpHeaders;
  body: string;
}

/** One request; `headers` may lie about the Host, which fetch would not. */
export function ask(
  { port }: { port: number },
  path: string,
  headers: Record<string, string> = {},
  method = 'GET',
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = get({ host: '127.0.0.1', port, path, headers, method, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (part: string) => {
        body += part;
      });
      response.on('end', () => resolve({ code: response.statusCode ?? 0, headers: response.headers, body }));
    });
    request.on('error', reject);
  });
}

export interface Event {
  event: string;
  id: number;
  state: State;
}

/** An open event stream; `events` grows. */
export interface Stream {
  response: IncomingMessage;
  events: Event[];
  /** Everything that came, as it came. */
  text(): string;
  /** Resolves when `holds` is true of what has come; the test's own time limit bounds it. */
  until(holds: (events: Event[]) => boolean): Promise<Event[]>;
  /** The sections as a page would have them by now. */
  state(): State;
  close(): void;
}

export function follow({ port }: { port: number }, query = '', user?: string): Promise<Stream> {
  const headers = user === undefined ? {} : { 'x-user': user };
  return new Promise((resolve, reject) => {
    const request = get(
      { host: '127.0.0.1', port, path: `/board/events${query}`, agent: false, headers },
      (response) => {
        if (response.statusCode !== 200) {
          reject(new Error(`answered ${response.statusCode}`));
          return;
        }
        resolve(reading(response, () => request.destroy()));
      },
    );
    request.on('error', reject);
  });
}

function reading(response: IncomingMessage, close: () => void): Stream {
  const events: Event[] = [];
  const waiting = new Set<() => void>();
  let text = '';
  let read = 0;
  response.on('error', () => {});
  response.setEncoding('utf8').on('data', (part: string) => {
    text += part;
    for (let end = text.indexOf('\n\n', read); end >= 0; end = text.indexOf('\n\n', read)) {
      const event = parsed(text.slice(read, end));
      if (event) events.push(event);
      read = end + 2;
    }
    for (const check of waiting) check();
  });
  return {
    response,
    events,
    text: () => text,
    state: () => Object.assign({}, ...events.map(({ state }) => state)) as State,
    until: (holds) =>
      new Promise((resolve) => {
        const check = () => {
          if (!holds(events)) return;
          waiting.delete(check);
          resolve(events);
        };
        waiting.add(check);
        check();
      }),
    close,
  };
}

function parsed(block: string): Event | undefined {
  const fields = new Map<string, string>();
  for (const line of block.split('\n')) {
    const [, name, value] = /^(\w+): ([\s\S]*)$/.exec(line) ?? [];
    if (name) fields.set(name, value!);
  }
  const data = fields.get('data');
  if (data === undefined) return undefined;
  return { event: fields.get('event') ?? '', id: Number(fields.get('id') ?? 0), state: JSON.parse(data) };
}

/** Lets simulated time pass in steps, with real sockets in between, until `holds`. At most `steps` steps. */
export async function pass(
  clock: SimulatedClock,
  stepMs: number,
  holds: () => boolean,
  steps = 400,
): Promise<void> {
  for (let step = 0; step < steps && !holds(); step++) {
    await clock.advance(stepMs);
    await settle();
  }
  if (!holds()) throw new Error(`did not hold within ${steps} steps of ${stepMs} ms`);
}
