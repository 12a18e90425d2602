// The goods of the sale as rows: how many units are left, how fast they sell, and which rows to show when not all
// fit. Exists only while there are viewers. Knows no orders.
import { moneyText } from '../api/money.ts';
import { parseTime, salePhase } from '../api/sale.ts';
import type { SpikeGoods } from '../api/spike-goods.ts';
import type { Change, ObjectCache } from '../kube/cache.ts';
import { keyOf } from '../kube/objects.ts';
import type { Clock } from '../runtime/clock.ts';
import { clipped } from './clipped.ts';
import { PerSecond } from './per-second.ts';
import type { GoodsPart, GoodsPhase, GoodsRow, Totals } from './wire.ts';

export type GoodsCache = Pick<ObjectCache<SpikeGoods>, 'get' | 'values' | 'onChange'>;

/** Seconds over which the pace is measured. */
const paceSeconds = 10;
/** How often all goods are examined, for the totals and for the choice of rows. */
const surveyEveryMs = 1000;

type GoodsTotals = Pick<Totals, 'goods' | 'onSale' | 'stock' | 'left' | 'reserved' | 'held' | 'sold'>;

interface Seen {
  key: string;
  phase: GoodsPhase;
  pace: number;
  startsAt: number;
}

export class GoodsShelf {
  readonly #cache: GoodsCache;
  readonly #clock: Clock;
  readonly #most: number;
  /** Units taken per second, for goods that sold within the last seconds. */
  readonly #taken = new Map<string, PerSecond>();
  readonly #close: () => void;
  #surveyedAt = Number.NEGATIVE_INFINITY;
  #shown: string[] = [];
  #totals: GoodsTotals = noTotals();

  /** `most`: maximum number of rows. */
  constructor(options: { cache: GoodsCache; clock: Clock; most: number }) {
    this.#cache = options.cache;
    this.#clock = options.clock;
    this.#most = options.most;
    this.#close = options.cache.onChange((change) => this.#take(change));
  }

  close(): void {
    this.#close();
  }

  get totals(): GoodsTotals {
    this.#survey();
    return this.#totals;
  }

  rows(): GoodsPart {
    this.#survey();
    const now = this.#clock.now();
    const rows: GoodsRow[] = [];
    for (const key of this.#shown) {
      const goods = this.#cache.get(key);
      if (goods) rows.push({ ...rowOf(goods, now), pace: this.#pace(key, now) });
    }
    return { rows, more: Math.max(0, this.#totals.goods - rows.length) };
  }

  #take({ type, object, old }: Change<SpikeGoods>): void {
    const key = keyOf(object);
    if (type === 'deleted') this.#taken.delete(key);
    // Show new goods at once instead of at the next survey.
    if (type !== 'updated') this.#surveyedAt = Number.NEGATIVE_INFINITY;
    if (type !== 'updated' || !old) return;
    // Gross: units that expire and return do not lower the pace.
    const taken = takenOf(object) - takenOf(old);
    if (taken <= 0) return;
    let perSecond = this.#taken.get(key);
    if (!perSecond) {
      perSecond = new PerSecond(paceSeconds + 2);
      this.#taken.set(key, perSecond);
    }
    perSecond.add(this.#clock.now(), taken);
  }

  #pace(key: string, now: number): number {
    const taken = this.#taken.get(key);
    if (!taken) return 0;
    // The present second counts too: a crowd of two seconds must be visible while it is there.
    return taken.sum(Math.floor(now / 1000), paceSeconds) / paceSeconds;
  }

  #survey(): void {
    const at = this.#clock.monotonic();
    if (at - this.#surveyedAt < surveyEveryMs) return;
    this.#surveyedAt = at;
    const now = this.#clock.now();
    const totals = noTotals();
    const seen: Seen[] = [];
    for (const goods of this.#cache.values()) {
      const row = rowOf(goods, now);
      const pace = this.#pace(row.key, now);
      if (pace === 0) this.#taken.delete(row.key);
      totals.goods++;
      if (row.phase === 'OnSale') totals.onSale++;
      for (const part of ['stock', 'left', 'reserved', 'held', 'sold'] as const) totals[part] += row[part];
      seen.push({ key: row.key, phase: row.phase, pace, startsAt: row.startsAt ?? 0 });
    }
    this.#totals = totals;
    this.#shown = chosen(seen, this.#most);
  }
}

/** The order of phases in the table. Within a phase rows are sorted by name, so that they do not move. */
const phaseOrder: Record<GoodsPhase, number> = { OnSale: 0, SoldOut: 1, Scheduled: 2, Ended: 3 };

/** Chooses the busiest goods, then those on sale that began last. Goods that stay busy keep their rows. */
function chosen(seen: Seen[], most: number): string[] {
  const shown =
    seen.length <= most
      ? seen
      : seen
          .sort(
            (a, b) => b.pace - a.pace || phaseOrder[a.phase] - phaseOrder[b.phase] || b.startsAt - a.startsAt,
          )
          .slice(0, most);
  return shown
    .sort((a, b) => phaseOrder[a.phase] - phaseOrder[b.phase] || compareNames(a.key, b.key))
    .map(({ key }) => key);
}

const collator = new Intl.Collator('en', { numeric: true });
const compareNames = (a: string, b: string): number => collator.compare(a, b);

const noTotals = (): GoodsTotals => ({
  goods: 0,
  onSale: 0,
  stock: 0,
  left: 0,
  reserved: 0,
  held: 0,
  sold: 0,
});

const leftOf = ({ spec, status }: SpikeGoods): number =>
  Math.max(0, status?.lastStockCount ?? spec.stockCount);

/** Units that nobody can order any more: held, reserved or sold. */
const takenOf = (goods: SpikeGoods): number => Math.max(0, goods.spec.stockCount - leftOf(goods));

function rowOf(goods: SpikeGoods, now: number): Omit<GoodsRow, 'pace'> {
  const { spec, status, metadata } = goods;
  const left = leftOf(goods);
  const reserved = status?.reserved ?? 0;
  const sold = status?.num ?? 0;
  const startsAt = parseTime(spec.startTime);
  const endsAt = parseTime(spec.endTime);
  return {
    key: keyOf(goods),
    title: clipped(spec.goodsName || metadata.name),
    // By the present time: a sale begins and ends whether or not a leader has written it yet.
    phase: salePhase(spec, left, now),
    price: moneyText(spec.spikePrice, spec.currency),
    ...(spec.price > spec.spikePrice ? { before: moneyText(spec.price, spec.currency) } : {}),
    stock: spec.stockCount,
    left,
    held: Math.max(0, takenOf(goods) - reserved - sold),
    reserved,
    sold,
    ...(startsAt === undefined ? {} : { startsAt }),
    ...(endsAt === undefined ? {} : { endsAt }),
  };
}
