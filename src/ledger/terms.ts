// The terms of leaders, as goods carry them (`status.ledgerEpoch`), and the lease that gives them. Decides what a
// leader may do with goods: settle them, claim them first, or nothing. Knows nothing of stock.
//
// Only the lease tells which terms exist. A number in a status proves nothing, because anybody who may write the
// status can write any number. So a leader only compares terms for equality. When goods carry another term, the
// leader reads the lease. If the lease is still its own, it claims the goods. If another leader holds the lease,
// this one is fenced.
import type { SpikeGoods } from '../api/spike-goods.ts';
import { keyOf } from '../kube/objects.ts';

/** Another leader holds the lease. This one must stop. */
export class FencedError extends Error {
  constructor(key: string, mine: number, theirs: number) {
    super(`${key} was settled by leader term ${theirs}, this is term ${mine}, and the lease is another's`);
    this.name = 'FencedError';
  }
}

/** The goods carry a term that this leader has not examined yet. */
export class ForeignTermError extends Error {
  readonly goods: SpikeGoods;
  constructor(goods: SpikeGoods) {
    super(`${keyOf(goods)} was settled by leader term ${termOf(goods)}`);
    this.name = 'ForeignTermError';
    this.goods = goods;
  }
}

/** The API server may have been restored from a backup. The controller retries until that is known. */
class DoubtError extends Error {
  readonly reason = 'NotYet';
  constructor() {
    super('the watch broke; whether history went on is not known yet');
    this.name = 'DoubtError';
  }
}

export interface TermsOptions {
  /** The number of this term. No other leader ever has it. */
  epoch: number;
  /** A live read: whether the lease says that this process leads, with this term. */
  holdsLease(): Promise<boolean>;
  /** Whether the goods and orders in the caches are reliable (kube/history.ts). Default: always. */
  isCertain?(): boolean;
  /** The goods carried a term that is higher than this one and that the lease never gave. */
  onOverruled?(goods: SpikeGoods, term: number): void;
}

/** `claims`: the write may only store the term. The orders must be listed again before the goods are settled. */
export type Standing = 'settles' | 'claims';

export class Terms {
  readonly #options: TermsOptions;
  /** uids of goods that were claimed in this term, and whose orders were listed after the claim. */
  readonly #mine = new Set<string>();
  /** By uid, the foreign term that is over, or never existed, as a read of the lease has shown. */
  readonly #lookedInto = new Map<string, number>();
  readonly #overruled = new Map<string, number>();

  constructor(options: TermsOptions) {
    this.#options = options;
  }

  get epoch(): number {
    return this.#options.epoch;
  }

  /**
   * What this leader may do with goods as they are stored. Pure. Throws ForeignTermError: call `lookInto` first.
   */
  standing(goods: SpikeGoods): Standing {
    if (this.#options.isCertain?.() === false) throw new DoubtError();
    const { uid } = goods.metadata;
    const term = termOf(goods);
    const isMine = this.#mine.has(uid);
    if (term === this.epoch) return isMine ? 'settles' : 'claims';
    // These goods were never settled, so no leader has ever dropped a hold of theirs. The claim is not needed.
    if (term === 0 && !isMine && goods.status?.num === undefined) return 'settles';
    if (this.#lookedInto.get(uid) === term) return 'claims';
    throw new ForeignTermError(goods);
  }

  /** Reads the lease once for all foreign terms of these goods. Throws FencedError when another leader holds it. */
  async lookInto(goods: readonly SpikeGoods[]): Promise<void> {
    const foreign = goods.filter((item) => this.#isForeign(item));
    const [first] = foreign;
    if (!first) return;
    if (!(await this.#options.holdsLease())) throw new FencedError(keyOf(first), this.epoch, termOf(first));
    for (const item of foreign) {
      const { uid } = item.metadata;
      const term = termOf(item);
      this.#lookedInto.set(uid, term);
      if (term <= this.epoch) continue;
      this.#overruled.set(uid, term);
      this.#options.onOverruled?.(item, term);
    }
  }

  #isForeign(goods: SpikeGoods): boolean {
    try {
      this.standing(goods);
      return false;
    } catch (error) {
      return error instanceof ForeignTermError;
    }
  }

  /**
   * Reads the lease after claims are stored. A later leader may have claimed these goods before our claim, with a
   * number that this leader had examined already; the lease shows that. A later leader that claims after this read
   * overwrites our claim. Throws FencedError.
   */
  async confirm(goods: readonly SpikeGoods[]): Promise<void> {
    const [first] = goods;
    if (first && !(await this.#options.holdsLease()))
      throw new FencedError(keyOf(first), this.epoch, termOf(first));
  }

  /** The claim is stored. The goods are not settled before the orders are listed. */
  claimed({ metadata: { uid } }: SpikeGoods): void {
    this.#mine.delete(uid);
    this.#lookedInto.delete(uid);
  }

  /** The orders were listed after the claim, or there was nothing to claim. */
  take({ metadata: { uid } }: SpikeGoods): void {
    this.#mine.add(uid);
  }

  /** History went back, so what this leader knows of goods is worthless. It claims them all again. */
  forgetAll(): void {
    this.#mine.clear();
    this.#lookedInto.clear();
  }

  /** The foreign term in these goods that this leader overruled, if any. */
  overruledIn({ metadata: { uid } }: SpikeGoods): number | undefined {
    return this.#overruled.get(uid);
  }
}

/** 0 when nobody has settled the goods. */
const termOf = ({ status }: SpikeGoods): number => status?.ledgerEpoch ?? 0;
