// Metrics of a sale: stock of each goods, holds, and the states that orders enter. Gauges read the caches at scrape
// time; nothing here runs on the path of an order.
//
// Every replica has the caches, so every replica exports the same stock. A query takes `max by (namespace, goods)`,
// never a sum over replicas. A counter of something that only the leader does may be summed.
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { SpikeGoods } from '../api/spike-goods.ts';
import { type OrderPhase, orderPhases } from '../api/spike-order.ts';
import { oldestHoldOf } from '../ledger/holds-seen.ts';
import { type StockLevels, stockLevelsOf } from '../ledger/stock-levels.ts';
import type { Clock } from '../runtime/clock.ts';

/** The label value for the goods beyond `maxGoods`. No Kubernetes name begins with `_`. */
export const others = '_others';

const levels: readonly (keyof StockLevels)[] = ['available', 'reserved', 'sold', 'held'];
const meaning: Record<keyof StockLevels, string> = {
  available: 'Units that can still be ordered',
  reserved: 'Units in accepted orders that are not paid yet',
  sold: 'Units paid',
  held: 'Units held by admission for orders that the leader has not accepted yet',
};

/** The part of a cache that the gauge reads. */
export interface Sized {
  readonly size: number;
}
export interface GoodsSource extends Sized {
  values(): Iterable<SpikeGoods>;
}

export interface StockMetricsOptions {
  goods: GoodsSource;
  clock: Clock;
  /** Maximum number of goods with series of their own. The others are summed up under `_others`. */
  maxGoods: number;
}

export function stockMetrics(registry: Registry, { goods, clock, maxGoods }: StockMetricsOptions): void {
  const registers = [registry];
  const gauges = new Map(
    levels.map((level) => [
      level,
      new Gauge({
        name: `spikegate_stock_${level}`,
        help: `${meaning[level]}, by goods.`,
        labelNames: ['namespace', 'goods'],
        registers,
        // The first gauge collects for all of them.
        ...(level === 'available' ? { collect: () => collect() } : {}),
      }),
    ]),
  );
  const goodsGauge = new Gauge({
    name: 'spikegate_stock_goods',
    help: 'Goods with series of their own (own), and goods that are summed because there are too many (summed).',
    labelNames: ['series'],
    registers,
  });
  for (const series of ['own', 'summed']) goodsGauge.set({ series }, 0);

  const collect = () => {
    for (const gauge of gauges.values()) gauge.reset();
    const { own, summed } = byCeiling(goods.values(), maxGoods);
    const set = (labels: { namespace: string; goods: string }, stock: StockLevels) => {
      for (const level of levels) gauges.get(level)!.set(labels, stock[level]);
    };
    for (const it of own) {
      set({ namespace: it.metadata.namespace ?? '', goods: it.metadata.name }, stockLevelsOf(it));
    }
    if (summed.length > 0) set({ namespace: others, goods: others }, sumOf(summed));
    goodsGauge.set({ series: 'own' }, own.length);
    goodsGauge.set({ series: 'summed' }, summed.length);
  };

  new Gauge({
    name: 'spikegate_ledger_oldest_hold_seconds',
    help: 'Age of the oldest hold of all goods; 0 where there is none.',
    registers,
    collect() {
      let oldest = Number.POSITIVE_INFINITY;
      for (const it of goods.values()) oldest = Math.min(oldest, oldestHoldOf(it) ?? oldest);
      this.set(Number.isFinite(oldest) ? Math.max(0, clock.now() - oldest) / 1000 : 0);
    },
  });
}

/**
 * Chooses the goods that have series of their own: the same ones on every replica and at every scrape, so that no
 * series comes and goes. Goods whose sale has ended come last. Otherwise older goods come before newer ones.
 */
export function byCeiling(
  all: Iterable<SpikeGoods>,
  maxOwn: number,
): { own: SpikeGoods[]; summed: SpikeGoods[] } {
  const own: SpikeGoods[] = [];
  const summed: SpikeGoods[] = [];
  // Sorting all goods at every scrape would block admission when there are very many.
  for (const goods of all) {
    if (own.length === maxOwn) {
      if (maxOwn === 0 || precedes(own[maxOwn - 1]!, goods)) {
        summed.push(goods);
        continue;
      }
      summed.push(own.pop()!);
    }
    own.splice(placeOf(goods, own), 0, goods);
  }
  return { own, summed };
}

function placeOf(goods: SpikeGoods, sorted: readonly SpikeGoods[]): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (precedes(sorted[middle]!, goods)) low = middle + 1;
    else high = middle;
  }
  return low;
}

function precedes(a: SpikeGoods, b: SpikeGoods): boolean {
  const endedDifference = Number(a.status?.phase === 'Ended') - Number(b.status?.phase === 'Ended');
  if (endedDifference !== 0) return endedDifference < 0;
  const [madeA, madeB] = [a.metadata.creationTimestamp, b.metadata.creationTimestamp];
  return madeA === madeB ? a.metadata.uid < b.metadata.uid : madeA < madeB;
}

function sumOf(all: readonly SpikeGoods[]): StockLevels {
  const sum: StockLevels = { available: 0, reserved: 0, sold: 0, held: 0 };
  for (const goods of all) {
    const stock = stockLevelsOf(goods);
    for (const level of levels) sum[level] += stock[level];
  }
  return sum;
}

/** Number of objects that this replica has in its caches, by kind. */
export function cacheMetrics(registry: Registry, caches: Record<string, Sized>): void {
  new Gauge({
    name: 'spikegate_cache_objects',
    help: 'Objects in the caches of this replica, by kind.',
    labelNames: ['kind'],
    registers: [registry],
    collect() {
      for (const [kind, cache] of Object.entries(caches)) this.set({ kind }, cache.size);
    },
  });
}

const acceptBuckets = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

/** Implements OrderMetrics of src/controllers/sale-leader.ts. */
export function orderMetrics(registry: Registry) {
  const registers = [registry];
  const phases = new Counter({
    name: 'spikegate_order_phases_total',
    help: 'States that orders have entered, while this replica led.',
    labelNames: ['phase'],
    registers,
  });
  const children = new Map(orderPhases.map((phase) => [phase, phases.labels({ phase })]));
  for (const child of children.values()) child.inc(0);
  const accept = new Histogram({
    name: 'spikegate_order_accept_seconds',
    help: 'From the moment an order was asked for until the leader stored its first state.',
    buckets: acceptBuckets,
    registers,
  });
  return {
    /** `sinceAsked`: ms since the client asked for the order. Set for the order's first state only. */
    entered(phase: OrderPhase, sinceAsked?: number): void {
      children.get(phase)?.inc();
      if (sinceAsked !== undefined) accept.observe(Math.max(0, sinceAsked) / 1000);
    },
  };
}
