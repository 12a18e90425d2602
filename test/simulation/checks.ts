// What must be true: after every stored revision, and when all is quiet. Works from what is stored alone, with
// sums of its own; the ledger's arithmetic is not used to check the ledger.
import { heldUnits, holdsOf } from '../../src/api/holds.ts';
import type { SpikeGoods } from '../../src/api/spike-goods.ts';
import type { OrderPhase, SpikeOrder } from '../../src/api/spike-order.ts';
import { keyOf } from '../../src/kube/objects.ts';
import type { ApiServer, Watcher } from './api-server.ts';

/** The first promise that was broken. */
export class Violation extends Error {
  override readonly name = 'Violation';
}

interface Fact {
  lines: ReadonlyMap<string, number>;
  /** Let in by admission, not past it. */
  admitted: boolean;
  /** Admission took a payment for it. */
  paid: boolean;
}

const allowedNext: Record<OrderPhase | 'none', readonly string[]> = {
  none: ['none', 'Unpaid', 'Paid', 'Expired', 'Rejected'],
  Unpaid: ['Unpaid', 'Paid', 'Expired'],
  Paid: ['Paid'],
  Expired: ['Expired'],
  Rejected: ['Rejected'],
};

const phaseOf = (order: SpikeOrder): OrderPhase | 'none' => order.status?.phase ?? 'none';

const committedOf = ({ status }: SpikeGoods): number =>
  (status?.num ?? 0) + (status?.reserved ?? 0) + heldUnits(status);

export class Checks implements Watcher {
  violation: Violation | undefined;
  #isMeddling = false;
  /** Goods whose term somebody else wrote, until a leader overrules it. */
  readonly #foreign = new Set<string>();
  /** Numbers that somebody wrote: when one becomes a leader's term, nobody can tell them apart. */
  readonly #meddled = new Set<number>();
  /** Names of goods by the id or name that orders use. */
  readonly nameOf = new Map<string, string>();
  /** uids of orders that admission let in. */
  readonly admitted = new Set<string>();
  readonly #facts = new Map<string, Fact>();
  readonly #goods = new Map<string, SpikeGoods>();
  /** Units of orders that have their stock, by goods: accepted ones, and those and all let in. */
  readonly #live = new Map<string, number>();
  readonly #promised = new Map<string, number>();
  readonly counts = { orders: 0, paid: 0, expired: 0, rejected: 0, writes: 0, negative: 0 };

  /** Runs a write of the status of goods by somebody who is no leader. */
  meddle(write: () => void): void {
    this.#isMeddling = true;
    write();
    this.#isMeddling = false;
  }

  /**
   * etcd was put back to an earlier moment: what counts is what is stored now. `lost`: the terms that leaders had since that
   * moment. The lease never gave them any more, so the leader of an earlier term overrules them.
   */
  restored(server: ApiServer, lost: readonly number[]): void {
    for (const term of lost) this.#meddled.add(term);
    for (const sums of [this.#live, this.#promised, this.#goods]) sums.clear();
    for (const goods of server.goods.objects.values()) {
      this.#goods.set(goods.metadata.name, goods);
      // The backup may have the term that somebody else wrote.
      this.#foreign.add(goods.metadata.name);
    }
    for (const order of server.orders.objects.values()) {
      const fact = this.#facts.get(order.metadata.uid)!;
      const phase = phaseOf(order);
      fact.paid &&= order.spec.isPay === true;
      for (const [goods, quantity] of fact.lines) {
        if (isLive(phase)) add(this.#live, goods, quantity);
        if (isLive(phase) || (phase === 'none' && fact.admitted)) add(this.#promised, goods, quantity);
      }
    }
  }

  fail(message: string): void {
    this.violation ??= new Violation(message);
  }

  goodsStored(before: SpikeGoods | undefined, after: SpikeGoods | undefined): void {
    const { name } = (after ?? before)!.metadata;
    this.counts.writes++;
    if (!after) this.#goods.delete(name);
    else {
      this.#goods.set(name, after);
      if (after.spec.goodsId) this.nameOf.set(after.spec.goodsId, name);
      this.nameOf.set(name, name);
      const available = after.spec.stockCount - committedOf(after);
      if (available < 0) this.fail(`${name}: available is ${available}`);
      const statusWritten = before?.status !== after.status && after.status !== undefined;
      if (statusWritten && after.status?.lastStockCount !== available) {
        this.fail(`${name}: lastStockCount ${after.status?.lastStockCount}, available ${available}`);
      }
      const [was, is] = [before?.status?.ledgerEpoch ?? 0, after.status?.ledgerEpoch ?? 0];
      // A number that somebody else wrote is overruled; a term that a leader had never comes back.
      const isForeign = this.#isMeddling || this.#foreign.has(name) || this.#meddled.has(was);
      if (!isForeign && is < was) this.fail(`${name}: ledgerEpoch went from ${was} to ${is}`);
      if (this.#isMeddling) {
        this.#foreign.add(name);
        this.#meddled.add(is);
      }
      if (!this.#isMeddling && is !== was) this.#foreign.delete(name);
      const uids = holdsOf(after.status).map((hold) => hold.uid);
      if (new Set(uids).size !== uids.length) this.fail(`${name}: two holds of one order`);
    }
    this.#checkStock(name);
  }

  orderStored(before: SpikeOrder | undefined, after: SpikeOrder | undefined): void {
    const order = (after ?? before)!;
    const { uid, name } = order.metadata;
    const was = before ? phaseOf(before) : 'none';
    const is = after ? phaseOf(after) : 'none';
    let fact = this.#facts.get(uid);
    if (!fact) {
      fact = { lines: this.#linesOf(order), admitted: this.admitted.has(uid), paid: false };
      this.#facts.set(uid, fact);
      this.counts.orders++;
    }
    if (after && !allowedNext[was].includes(is)) this.fail(`${name} went from ${was} to ${is}`);
    if (before && !before.spec.isPay && after?.spec.isPay) fact.paid = true;
    if (is !== was) this.#entered(order, fact, is);
    if (!after && order.spec.isPay && (was === 'Paid' || was === 'Unpaid'))
      this.fail(`${name}: paid and deleted`);
    const [liveBefore, liveNow] = [isLive(was), after !== undefined && isLive(is)];
    const promisedBefore = before !== undefined && (liveBefore || (was === 'none' && fact.admitted));
    const promisedNow = after !== undefined && (liveNow || (is === 'none' && fact.admitted));
    for (const [goods, quantity] of fact.lines) {
      add(this.#live, goods, (Number(liveNow) - Number(liveBefore)) * quantity);
      add(this.#promised, goods, (Number(promisedNow) - Number(promisedBefore)) * quantity);
      if (after) this.#checkStock(goods, order);
    }
  }

  refusedNegative(goods: SpikeGoods): void {
    this.counts.negative++;
    this.fail(`${goods.metadata.name}: a write would make lastStockCount negative`);
  }

  wasStored(uid: string): boolean {
    return this.#facts.has(uid);
  }

  #entered(order: SpikeOrder, fact: Fact, phase: OrderPhase | 'none'): void {
    const { name } = order.metadata;
    const { isPay, payTime, expiredTime } = order.spec;
    if (phase === 'Paid') this.counts.paid++;
    if (phase === 'Expired') this.counts.expired++;
    if (phase === 'Rejected') this.counts.rejected++;
    if (phase === 'Rejected' && fact.paid) this.fail(`${name} was paid, and then rejected`);
    if (phase === 'Rejected' && fact.admitted) this.fail(`${name} was let in by admission and rejected`);
    if (phase === 'Expired' && isPay && fact.admitted) {
      this.fail(`${name}: payment of ${payTime} was let in, but the order expired at ${expiredTime}`);
    }
  }

  #linesOf(order: SpikeOrder): Map<string, number> {
    const lines = new Map<string, number>();
    for (const [reference, quantity] of Object.entries(order.spec.goodsMap)) {
      const name = this.nameOf.get(reference);
      if (name) add(lines, name, quantity);
    }
    return lines;
  }

  #checkStock(name: string, because?: SpikeOrder): void {
    const goods = this.#goods.get(name);
    const live = this.#live.get(name) ?? 0;
    const promised = this.#promised.get(name) ?? 0;
    const at = because ? ` at ${because.metadata.name} ${phaseOf(because)}` : '';
    if (!goods) {
      if (promised > 0) this.fail(`${name} is gone, and ${promised} units are promised${at}`);
      return;
    }
    const { stockCount } = goods.spec;
    if (live > stockCount) this.fail(`${name} is oversold: ${live} of ${stockCount} units${at}`);
    if (promised > committedOf(goods)) {
      this.fail(`${name}: ${promised} units are promised, ${committedOf(goods)} accounted for${at}`);
    }
  }

  /** When all is quiet and every limit has passed: the counters are exactly what the orders say. */
  atRest(server: ApiServer, now: number): void {
    const sums = new Map<string, { reserved: number; num: number }>();
    for (const order of server.orders.objects.values()) {
      const phase = phaseOf(order);
      if (phase === 'none') this.fail(`${order.metadata.name} was never judged`);
      if (phase === 'Unpaid' && now >= Date.parse(order.spec.expiredTime ?? '') + 10_000) {
        this.fail(`${order.metadata.name} is Unpaid after its deadline ${order.spec.expiredTime}`);
      }
      if (phase === 'Unpaid' && order.spec.isPay)
        this.fail(`${order.metadata.name} is paid and still Unpaid`);
      const counter = phase === 'Paid' ? 'num' : phase === 'Unpaid' ? 'reserved' : undefined;
      if (!counter) continue;
      for (const [name, quantity] of this.#facts.get(order.metadata.uid)!.lines) {
        const sum = sums.get(name) ?? { reserved: 0, num: 0 };
        sum[counter] += quantity;
        sums.set(name, sum);
      }
    }
    for (const goods of server.goods.objects.values()) {
      const { status, metadata, spec } = goods;
      const { reserved, num } = sums.get(metadata.name) ?? { reserved: 0, num: 0 };
      const holds = holdsOf(status).length;
      if (holds > 0) this.fail(`${metadata.name}: ${holds} holds remain`);
      if (status?.reserved !== reserved || status.num !== num) {
        const counted = `reserved ${status?.reserved}, num ${status?.num}`;
        this.fail(`${keyOf(goods)}: ${counted}, but the orders say ${reserved} and ${num}`);
      }
      const left = spec.stockCount - reserved - num;
      if (status?.lastStockCount !== left)
        this.fail(`${metadata.name}: left ${status?.lastStockCount}, not ${left}`);
      if (metadata.deletionTimestamp && reserved + num === 0) this.fail(`${metadata.name} is never deleted`);
    }
  }
}

const isLive = (phase: string): boolean => phase === 'Unpaid' || phase === 'Paid';

function add(sums: Map<string, number>, key: string, quantity: number): void {
  sums.set(key, (sums.get(key) ?? 0) + quantity);
}
