// The goods of the sale as rows: how many units are left, how fast they sell, and which rows to show when not all
// fit. Exists only while there are viewers. Knows no orders.
import { moneyText } from '../api/money.ts';
import { parseTime, phaseBetween } from '../api/sale.ts';
import type { SpikeGoods } from '../api/spike-goods.ts';
import type { Change, ObjectCache } from '../kube/cache.ts';
import { keyOf } from '../kube/objects.ts';
import type { Clock } from '../runtime/clock.ts';
import { clipped } from './clipped.ts';
import { PerSecond } from './per-second.ts';
import { hasGoods, referencesTo, type Scope } from './scope.ts';
import type { GoodsPart, GoodsPhase, GoodsRow, Places, Totals } from './wire.ts';

export type GoodsCache = Pick<ObjectCache<SpikeGoods>, 'get' | 'values' | 'onChange'>;

/** Seconds over which the pace is measured. */
const paceSeconds = 10;
/** How often the rows are chosen among all goods. */
const chooseEveryMs = 1000;
/** Maximum number of namespaces, and of sellers, from which a viewer can choose. */
const maxPlaces = 200;

type GoodsTotals = Pick<Totals, 'goods' | 'onSale' | 'stock' | 'left' | 'reserved' | 'held' | 'sold'>;

/** What one frame shows of the goods. All of it is counted at one moment, so that totals and rows agree. */
export interface Shelf {
  totals: GoodsTotals;
  goods: GoodsPart;
  places: Places;
}

interface Candidate {
  key: string;
  phase: GoodsPhase;
  pace: number;
  startsAt: number;
}

export interface GoodsShelfOptions {
  cache: GoodsCache;
  clock: Clock;
  /** Maximum number of rows. */
  max: number;
  scope: Scope;
}

export class GoodsShelf {
  readonly #cache: GoodsCache;
  readonly #clock: Clock;
  readonly #max: number;
  readonly #scope: Scope;
  /** Units taken per second, by key, for goods that sold within the last seconds. */
  readonly #taken = new Map<string, PerSecond>();
  /** The names and ids by which orders may refer to goods of the seller. Never removed: orders may outlive goods. */
  readonly #references = new Set<string>();
  readonly #close: () => void;
  #chosenAt = Number.NEGATIVE_INFINITY;
  /** Keys of the goods in the rows. */
  #chosen: string[] = [];
  #places: Places = { namespaces: [], sellers: [] };

  constructor({ cache, clock, max, scope }: GoodsShelfOptions) {
    this.#cache = cache;
    this.#clock = clock;
    this.#max = max;
    this.#scope = scope;
    for (const goods of cache.values()) this.#addReferences(goods);
    this.#close = cache.onChange((change) => this.#onCacheChange(change));
  }

  close(): void {
    this.#close();
  }

  /** Whether `reference` is or was a name or an id of goods of the scope's seller. */
  readonly isNamed = (reference: string): boolean => this.#references.has(reference);

  look(now: number): Shelf {
    const totals = this.#totals(now);
    const at = this.#clock.monotonic();
    if (at - this.#chosenAt >= chooseEveryMs) {
      this.#chosenAt = at;
      this.#choose(now);
    }
    const rows: GoodsRow[] = [];
    for (const key of this.#chosen) {
      const goods = this.#cache.get(key);
      if (goods) rows.push({ ...rowOf(goods, now), pace: this.#pace(key, now) });
    }
    return { totals, goods: { rows, more: Math.max(0, totals.goods - rows.length) }, places: this.#places };
  }

  #addReferences(goods: SpikeGoods): void {
    if (this.#scope.seller === undefined || !hasGoods(this.#scope, goods)) return;
    for (const reference of referencesTo(goods)) this.#references.add(reference);
  }

  #onCacheChange({ type, object, old }: Change<SpikeGoods>): void {
    const key = keyOf(object);
    this.#addReferences(object);
    if (type === 'deleted') this.#taken.delete(key);
    // Show new goods at once instead of at the next choice.
    if (type !== 'updated') this.#chosenAt = Number.NEGATIVE_INFINITY;
    if (type !== 'updated' || !old || !hasGoods(this.#scope, object)) return;
    // Count only units that leave the stock. Units that return when an order expires do not lower the pace.
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
    // The present second counts too: a rush of two seconds must be visible while it lasts.
    return taken.sum(Math.floor(now / 1000), paceSeconds) / paceSeconds;
  }

  #totals(now: number): GoodsTotals {
    const totals: GoodsTotals = { goods: 0, onSale: 0, stock: 0, left: 0, reserved: 0, held: 0, sold: 0 };
    for (const goods of this.#cache.values()) {
      if (!hasGoods(this.#scope, goods)) continue;
      const { stock, left, reserved, held, sold } = countsOf(goods);
      totals.goods++;
      if (phaseOf(goods, now) === 'OnSale') totals.onSale++;
      totals.stock += stock;
      totals.left += left;
      totals.reserved += reserved;
      totals.held += held;
      totals.sold += sold;
    }
    return totals;
  }

  #choose(now: number): void {
    const candidates: Candidate[] = [];
    const namespaces = new Set<string>();
    const sellers = new Set<string>();
    for (const goods of this.#cache.values()) {
      const { namespace = '' } = goods.metadata;
      namespaces.add(namespace);
      const { sellerId } = goods.spec;
      if (sellerId && (this.#scope.namespace ?? namespace) === namespace) sellers.add(sellerId);
      if (!hasGoods(this.#scope, goods)) continue;
      const key = keyOf(goods);
      const pace = this.#pace(key, now);
      if (pace === 0) this.#taken.delete(key);
      candidates.push({ key, phase: phaseOf(goods, now), pace, startsAt: timesOf(goods).startsAt ?? 0 });
    }
    this.#chosen = chooseKeys(candidates, this.#max);
    this.#places = { namespaces: sortedPlaces(namespaces), sellers: sortedPlaces(sellers) };
  }
}

const sortedPlaces = (names: Set<string>): string[] => [...names].sort(compareNames).slice(0, maxPlaces);

/** The order of phases in the table. Within a phase rows are sorted by name, so that they do not move. */
const phaseOrder: Record<GoodsPhase, number> = { OnSale: 0, SoldOut: 1, Scheduled: 2, Ended: 3 };

/** Chooses the busiest goods, then those on sale that began last. Goods that stay busy keep their rows. */
function chooseKeys(candidates: Candidate[], max: number): string[] {
  const shown =
    candidates.length <= max
      ? candidates
      : candidates
          .sort(
            (a, b) => b.pace - a.pace || phaseOrder[a.phase] - phaseOrder[b.phase] || b.startsAt - a.startsAt,
          )
          .slice(0, max);
  return shown
    .sort((a, b) => phaseOrder[a.phase] - phaseOrder[b.phase] || compareNames(a.key, b.key))
    .map(({ key }) => key);
}

const collator = new Intl.Collator('en', { numeric: true });
const compareNames = (a: string, b: string): number => collator.compare(a, b);

const leftOf = ({ spec, status }: SpikeGoods): number =>
  Math.max(0, status?.lastStockCount ?? spec.stockCount);

/** Units that nobody can order any more: held, reserved or sold. */
const takenOf = (goods: SpikeGoods): number => Math.max(0, goods.spec.stockCount - leftOf(goods));

function countsOf(goods: SpikeGoods): Pick<GoodsRow, 'stock' | 'left' | 'held' | 'reserved' | 'sold'> {
  const reserved = goods.status?.reserved ?? 0;
  const sold = goods.status?.num ?? 0;
  const held = Math.max(0, takenOf(goods) - reserved - sold);
  return { stock: goods.spec.stockCount, left: leftOf(goods), held, reserved, sold };
}

/** Parsed times, by object. An object in the cache never changes, and each frame needs the times of all goods. */
const times = new WeakMap<SpikeGoods, Pick<GoodsRow, 'startsAt' | 'endsAt'>>();

function timesOf(goods: SpikeGoods): Pick<GoodsRow, 'startsAt' | 'endsAt'> {
  let known = times.get(goods);
  if (!known) {
    const startsAt = parseTime(goods.spec.startTime);
    const endsAt = parseTime(goods.spec.endTime);
    known = {
      ...(startsAt === undefined ? {} : { startsAt }),
      ...(endsAt === undefined ? {} : { endsAt }),
    };
    times.set(goods, known);
  }
  return known;
}

/** Computed from the present time, because the phase in the status changes only when a leader writes it. */
function phaseOf(goods: SpikeGoods, now: number): GoodsPhase {
  const { startsAt, endsAt } = timesOf(goods);
  return phaseBetween(startsAt, endsAt, leftOf(goods), now);
}

function rowOf(goods: SpikeGoods, now: number): Omit<GoodsRow, 'pace'> {
  const { spec, metadata } = goods;
  return {
    key: keyOf(goods),
    title: clipped(spec.goodsName || metadata.name),
    phase: phaseOf(goods, now),
    price: moneyText(spec.spikePrice, spec.currency),
    ...(spec.price > spec.spikePrice ? { before: moneyText(spec.price, spec.currency) } : {}),
    ...countsOf(goods),
    ...timesOf(goods),
  };
}
