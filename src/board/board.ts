// The live page of a sale: the routes under /board, and the state that viewers receive. Read-only, from caches.
// Without viewers it only counts refusals and keeps the last news. Knows no terminal and no cluster.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { SpikeOrder } from '../api/spike-order.ts';
import { joinKey } from '../kube/objects.ts';
import type { Clock } from '../runtime/clock.ts';
import { Admissions, type Decided } from './admissions.ts';
import { type Asset, readAssets, strictHeaders } from './assets.ts';
import { Feed } from './feed.ts';
import { type GoodsCache, GoodsShelf } from './goods.ts';
import { OrderBook, type OrderCache } from './orders.ts';
import { type RecentItem, RecentNews } from './recent-news.ts';
import { type Scope, scopeKey, scopeOf } from './scope.ts';
import { Seats } from './seats.ts';
import { Viewers } from './viewers.ts';
import type { Health, NewsRow, Sections } from './wire.ts';

export interface BoardOptions {
  caches: { goods: GoodsCache; orders: OrderCache };
  clock: Clock;
  paymentWindowMs: number;
  /** Facts that only the whole process knows. */
  facts(): Pick<Health, 'replica' | 'replicas' | 'leader' | 'trouble' | 'certificateExpires'>;
  /** The commands to show while there are no goods. */
  firstSteps: string[];
  limits?: Partial<BoardLimits>;
}

export interface BoardLimits {
  viewers: number;
  /** Maximum rows of each list. */
  goods: number;
  due: number;
  news: number;
}

const defaultLimits: BoardLimits = { viewers: 32, goods: 24, due: 6, news: 10 };

/** What the viewers of one scope share. */
interface ScopeView {
  orders: OrderBook;
  goods: GoodsShelf;
  feed: Feed;
}

/** Length of the charts in seconds, without the present second. */
const pulseSeconds = 90;
const keptSeconds = pulseSeconds + 2;
/** When all places are taken, a page may try again after this time. */
const fullRetrySeconds = 10;

export class Board {
  readonly #options: BoardOptions;
  readonly #limits: BoardLimits;
  readonly #assets: Map<string, Asset>;
  readonly #admissions: Admissions;
  readonly #news: RecentNews;
  readonly #seats: Seats;
  /** By scope: viewers of one scope share one feed. */
  readonly #viewersByScope = new Map<string, Viewers>();
  #isStopped = false;

  constructor(options: BoardOptions) {
    this.#options = options;
    this.#limits = { ...defaultLimits, ...options.limits };
    this.#assets = readAssets();
    this.#admissions = new Admissions(options.clock, keptSeconds);
    this.#news = new RecentNews();
    this.#seats = new Seats(this.#limits.viewers);
  }

  get viewers(): number {
    return [...this.#viewersByScope.values()].reduce((sum, { size }) => sum + size, 0);
  }

  /** Records a decision of this replica's admission. */
  decided(decision: Decided, message: string): void {
    this.#admissions.decided(decision, message);
  }

  /** Records an item of the news. */
  told(item: RecentItem): void {
    this.#news.add(item);
  }

  /**
   * Handles requests to /board, and redirects / to it. Returns false for every other path. `user`: the authenticated
   * user, if the server authenticates.
   */
  handle(request: IncomingMessage, response: ServerResponse, user?: string): boolean {
    const path = (request.url ?? '').split('?', 1)[0]!;
    if (path === '/') {
      response.setHeader('Location', 'board');
      answer(response, 307, '');
      return true;
    }
    if (path !== '/board' && !path.startsWith('/board/')) return false;
    for (const [name, value] of Object.entries(strictHeaders)) response.setHeader(name, value);
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('Allow', 'GET, HEAD');
      answer(response, 405, 'the board can only be read\n');
    } else if (path === '/board/') {
      // A proxy may add a path prefix. A relative location is correct with and without one.
      response.setHeader('Location', '../board');
      answer(response, 308, '');
    } else if (path === '/board/events') {
      this.#events(request, response, user);
    } else {
      this.#asset(request, response, path === '/board' ? 'index.html' : path.slice('/board/'.length));
    }
    return true;
  }

  /** Ends all streams for good. Pages that reconnect are refused. */
  stop(): void {
    this.#isStopped = true;
    for (const viewers of [...this.#viewersByScope.values()]) viewers.close();
  }

  #asset(request: IncomingMessage, response: ServerResponse, name: string): void {
    const asset = this.#assets.get(name);
    if (!asset) {
      answer(response, 404, 'there is no such page\n');
      return;
    }
    response.setHeader('ETag', asset.tag);
    response.setHeader('Cache-Control', 'no-cache');
    if (request.headers['if-none-match'] === asset.tag) {
      response.writeHead(304).end();
      return;
    }
    response.writeHead(200, { 'Content-Type': asset.type, 'Content-Length': asset.body.length });
    response.end(request.method === 'HEAD' ? undefined : asset.body);
  }

  #events(request: IncomingMessage, response: ServerResponse, user: string | undefined): void {
    const who = user ?? request.socket.remoteAddress ?? '';
    if (request.headers['sec-fetch-site'] === 'cross-site') {
      // Another site could not read the stream, but it could use up all places.
      answer(response, 403, 'the board cannot be followed from another site\n');
      return;
    }
    const scope = scopeOf((request.url ?? '').split('?')[1] ?? '');
    const isFull = !this.#seats.hasSeatFor(who) || !this.#hasPlaceFor(scope);
    if (this.#isStopped || isFull) {
      response.setHeader('Retry-After', String(this.#isStopped ? 1 : fullRetrySeconds));
      const why = this.#isStopped ? 'shutting down' : `${this.#limits.viewers} people are looking already`;
      answer(response, 503, `${why}; try again later\n`);
      return;
    }
    response.writeHead(200, {
      'Content-Type': 'text/event-stream; charset=utf-8',
      'Cache-Control': 'no-store, no-transform',
      // Otherwise nginx would buffer the events.
      'X-Accel-Buffering': 'no',
    });
    if (request.method === 'HEAD') {
      response.end();
      return;
    }
    request.socket.setNoDelay(true);
    response.write('retry: 2000\n\n');
    this.#seats.take(response, who);
    this.#viewersOf(scope).add(response);
  }

  /**
   * Limits the number of scopes with a state. The state of a scope costs CPU and memory, and stays for some seconds
   * after its last viewer.
   */
  #hasPlaceFor(scope: Scope): boolean {
    const key = scopeKey(scope);
    // The whole sale is always possible, even if somebody opens a stream for each of many namespaces.
    return (
      key === scopeKey({}) ||
      this.#viewersByScope.has(key) ||
      this.#viewersByScope.size < this.#limits.viewers
    );
  }

  #viewersOf(scope: Scope): Viewers {
    const key = scopeKey(scope);
    const known = this.#viewersByScope.get(key);
    if (known) return known;
    let view: ScopeView | undefined;
    const viewers = new Viewers({
      clock: this.#options.clock,
      next: () => view!.feed.next(),
      beat: () => view!.feed.beat(),
      onFirst: () => {
        view = this.#open(scope);
      },
      onLast: () => {
        view?.orders.close();
        view?.goods.close();
        view = undefined;
        this.#viewersByScope.delete(key);
      },
    });
    this.#viewersByScope.set(key, viewers);
    return viewers;
  }

  #open(scope: Scope): ScopeView {
    const { caches, clock, paymentWindowMs } = this.#options;
    const { namespace, seller } = scope;
    const goods = new GoodsShelf({ cache: caches.goods, clock, max: this.#limits.goods, scope });
    const includes = ({ metadata, spec }: SpikeOrder): boolean =>
      (namespace === undefined || metadata.namespace === namespace) &&
      (seller === undefined ||
        Object.keys(spec.goodsMap).some((name) => goods.isNamed(joinKey(metadata.namespace ?? '', name))));
    const isLimited = namespace !== undefined || seller !== undefined;
    const orders = new OrderBook({
      cache: caches.orders,
      clock,
      paymentWindowMs,
      past: keptSeconds,
      ...(isLimited ? { includes } : {}),
    });
    const isAbout = (key: string) =>
      goods.isNamed(key) || (seller !== undefined && key.endsWith(`/${seller}`));
    const news = () =>
      this.#news.rows(this.#limits.news, namespace, seller === undefined ? undefined : isAbout);
    const feed = new Feed(
      (now) => this.#sections(orders, goods, news(), now),
      () => clock.now(),
    );
    return { orders, goods, feed };
  }

  /** Reads everything at the same moment, `now`, so that all figures of a frame agree. */
  #sections(orders: OrderBook, shelf: GoodsShelf, news: NewsRow[], now: number): Sections {
    const { totals, goods, places } = shelf.look(now);
    const { Unpaid: unpaid, Paid: paid, Expired: expired, Rejected: rejected } = orders.counts;
    const lastFullSecond = Math.floor(now / 1000) - 1;
    return {
      health: this.#health(),
      totals: { ...totals, unpaid, paid, expired, rejected },
      pulse: {
        accepted: orders.accepted.upTo(lastFullSecond, pulseSeconds),
        paid: orders.paid.upTo(lastFullSecond, pulseSeconds),
        refused: this.#admissions.refused.upTo(lastFullSecond, pulseSeconds),
      },
      goods,
      places,
      refusals: this.#admissions.refusals(),
      due: orders.due(this.#limits.due),
      news,
    };
  }

  #health(): Health {
    return {
      ...this.#options.facts(),
      startedAt: this.#admissions.startedAt,
      admission: this.#admissions.latency(),
      viewers: { now: this.viewers, most: this.#limits.viewers },
      firstSteps: this.#options.firstSteps,
    };
  }
}

function answer(response: ServerResponse, code: number, text: string): void {
  response.setHeader('Cache-Control', 'no-store');
  response.writeHead(code, {
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Length': Buffer.byteLength(text),
  });
  response.end(text);
}
