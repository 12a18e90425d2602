// The events of a sale in words, one short item each, from changes in caches and from decisions of admission.
// Decides nothing, and does not know its readers (a terminal, the board).
import type { Buyer } from '../api/buyer.ts';
import { moneyText } from '../api/money.ts';
import { parseTime } from '../api/sale.ts';
import type { Seller } from '../api/seller.ts';
import type { SalePhase, SpikeGoods } from '../api/spike-goods.ts';
import type { OrderPhase, SpikeOrder } from '../api/spike-order.ts';
import type { Change, ObjectCache } from '../kube/cache.ts';
import { joinKey, type KubeObject, keyOf } from '../kube/objects.ts';
import type { Clock } from '../runtime/clock.ts';

export interface NewsItem {
  /** Epoch milliseconds. */
  at: number;
  /** Items of one topic are of the same sort (`order.Paid`), so a reader may merge them. */
  topic: string;
  /** Empty for a request that has none. */
  namespace: string;
  /** Keys (`namespace/name`) of the goods, or of the person, that it is about. */
  about: readonly string[];
  /** The object, such as `order order1`. A merged item has the last object. */
  who: string;
  what: string;
  tone: 'good' | 'plain' | 'bad';
  /** Number of events that the item stands for. */
  count: number;
}

/** The caches of the sale's kinds; only their changes are read. */
export interface SaleCaches {
  orders: Pick<ObjectCache<SpikeOrder>, 'onChange'>;
  goods: Pick<ObjectCache<SpikeGoods>, 'onChange'>;
  buyers: Pick<ObjectCache<Buyer>, 'onChange'>;
  sellers: Pick<ObjectCache<Seller>, 'onChange'>;
}

/** The part of a decision that this file needs (server/app.ts has the rest). */
interface Decision {
  allowed: boolean;
  reason: string | undefined;
  name: string | undefined;
  namespace?: string | undefined;
  dryRun: true | undefined;
}

/** Refusals with the same reason are merged over this time, because a crowd is refused faster than people read. */
const refusalsTogetherMs = 1000;

const orderWords: Record<OrderPhase, { words: string; tone: NewsItem['tone'] }> = {
  Unpaid: { words: 'reserved', tone: 'plain' },
  Paid: { words: 'paid', tone: 'good' },
  Expired: { words: 'expired, stock is back', tone: 'bad' },
  Rejected: { words: 'rejected', tone: 'bad' },
};

const goodsWords: Record<SalePhase, string> = {
  OnSale: 'on sale',
  SoldOut: 'sold out',
  Ended: 'sale ended',
  Scheduled: 'sale to come',
};

/** Follows the sale from the first listener on. Without listeners it costs nothing. */
export class SaleNews {
  readonly #clock: Clock;
  readonly #caches: SaleCaches;
  readonly #listeners = new Set<(item: NewsItem) => void>();
  /** By namespace and reason: the refusals since the last item. */
  readonly #refusals = new Map<string, { count: number; who: string; message: string }>();
  #unfollow: (() => void)[] = [];

  constructor(options: { clock: Clock; caches: SaleCaches }) {
    this.#clock = options.clock;
    this.#caches = options.caches;
  }

  /** Calls `listener` for every item from now on. Returns a function that unsubscribes. */
  on(listener: (item: NewsItem) => void): () => void {
    if (this.#listeners.size === 0) this.#follow();
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) for (const off of this.#unfollow.splice(0)) off();
    };
  }

  /** Records a decision of admission. Only refusals are news. */
  decided({ allowed, reason, name, namespace = '', dryRun }: Decision, message: string): void {
    if (allowed || !reason || dryRun || this.#listeners.size === 0) return;
    const who = name ?? 'request';
    const refusalKey = joinKey(namespace, reason);
    const pending = this.#refusals.get(refusalKey);
    if (pending) {
      this.#refusals.set(refusalKey, { count: pending.count + 1, who, message });
      return;
    }
    this.#refusals.set(refusalKey, { count: 0, who, message });
    this.#refused(namespace, who, reason, message, 1);
    this.#clock.after(refusalsTogetherMs, () => {
      const merged = this.#refusals.get(refusalKey);
      this.#refusals.delete(refusalKey);
      if (merged && merged.count > 0)
        this.#refused(namespace, merged.who, reason, merged.message, merged.count);
    });
  }

  #follow(): void {
    const { orders, goods, buyers, sellers } = this.#caches;
    this.#unfollow = [
      orders.onChange((change) => this.#order(change)),
      goods.onChange((change) => this.#goods(change)),
      buyers.onChange((change) => this.#person('buyer', change)),
      sellers.onChange((change) => this.#person('seller', change)),
    ];
  }

  #order(change: Change<SpikeOrder>): void {
    const { type, object, old } = change;
    const phase = object.status?.phase;
    const { name, namespace = '' } = object.metadata;
    const about = Object.keys(object.spec.goodsMap).map((goods) => joinKey(namespace, goods));
    const tell = (topic: string, what: string, tone?: NewsItem['tone']) =>
      this.#tell({ topic, namespace, about, who: `order ${name}`, what, ...(tone ? { tone } : {}) });
    if (type === 'deleted') tell('order.deleted', 'deleted');
    else if (phase && phase !== old?.status?.phase && !existedBefore(change))
      tell(`order.${phase}`, describe(object, phase, this.#clock.now()), orderWords[phase].tone);
  }

  #goods(change: Change<SpikeGoods>): void {
    const { type, object, old } = change;
    const phase = object.status?.phase;
    const { name, namespace = '' } = object.metadata;
    const item = { namespace, about: [keyOf(object)], who: `goods ${name}` };
    if (type === 'deleted') this.#tell({ ...item, topic: 'goods.deleted', what: 'deleted' });
    else if (phase && phase !== old?.status?.phase && !existedBefore(change)) {
      const left = `${object.status?.lastStockCount ?? 0} of ${object.spec.stockCount} left`;
      this.#tell({ ...item, topic: `goods.${phase}`, what: `${goodsWords[phase]}: ${left}` });
    }
  }

  #person(kind: 'buyer' | 'seller', change: Change<KubeObject>): void {
    if (change.type === 'updated' || existedBefore(change)) return;
    const { name, namespace = '' } = change.object.metadata;
    this.#tell({
      topic: `${kind}.${change.type}`,
      namespace,
      about: [keyOf(change.object)],
      who: `${kind} ${name}`,
      what: change.type === 'added' ? 'registered' : 'deleted',
    });
  }

  #refused(namespace: string, who: string, reason: string, message: string, count: number): void {
    const what = `refused (${reason}): ${message}`;
    this.#tell({ topic: `refused.${reason}`, namespace, about: [], who, what, tone: 'bad', count });
  }

  #tell(told: Omit<NewsItem, 'at' | 'tone' | 'count'> & Partial<Pick<NewsItem, 'tone' | 'count'>>): void {
    const item: NewsItem = { at: this.#clock.now(), tone: 'plain', count: 1, ...told };
    for (const listener of this.#listeners) listener(item);
  }
}

/** True for objects of the first list: they existed before we started to watch. */
function existedBefore({ type, source }: Change<KubeObject>): boolean {
  return type === 'added' && source === 'list';
}

function describe(order: SpikeOrder, phase: OrderPhase, now: number): string {
  const lines = Object.entries(order.spec.goodsMap).map(([goods, quantity]) => `${goods}×${quantity}`);
  const money = moneyText(order.status?.money ?? 0, order.status?.currency);
  const deadline =
    phase === 'Unpaid' ? parseTime(order.status?.expiredTime ?? order.spec.expiredTime) : undefined;
  const until = deadline === undefined ? '' : `, to be paid within ${roughly(deadline - now)}`;
  return `${orderWords[phase].words}: ${lines.join(', ')} for ${money}${until}`;
}

/** A time span in words: `45 s`, `5 min`, `3 h`, `4 days`. */
function roughly(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 100) return `${seconds} s`;
  if (seconds < 6000) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} days`;
}
