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

/** etcd may have been restored from a backup. The controller retries until a probe shows whether it was. */
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
  /** Whether a live read of the lease shows this process and this term. */
  holdsLease(): Promise<boolean>;
  /** Whether the goods and orders in the caches are reliable (kube/history.ts). Default: always. */
  isCertain?(): boolean;
  /** Called for goods with a term that is higher than this one and that the lease never gave. */
  onOverruled?(goods: SpikeGoods, term: number): void;
}

/**
 * `settles`: the leader may settle the goods. `claims`: a write may only store the term; the leader must list the
 * orders again before it settles the goods.
 */
export type Standing = 'settles' | 'claims';

export class Terms {
  readonly #options: TermsOptions;
  /** uids of goods that were claimed in this term, and whose orders were listed after the claim. */
  readonly #mine = new Set<string>();
  /** By uid of the goods, their foreign term, after a read of the lease showed that it is over or never existed. */
  readonly #endedTerms = new Map<string, number>();
  /** By uid of the goods, the term above this one that this leader overruled. */
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
    // Nobody has ever settled these goods, so no leader has dropped a hold of theirs. They need no claim.
    if (term === 0 && !isMine && goods.status?.num === undefined) return 'settles';
    if (this.#endedTerms.get(uid) === term) return 'claims';
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
      this.#endedTerms.set(uid, term);
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
   * Reads the lease after claims are stored, and throws FencedError when another leader holds it. Our claim may have
   * overwritten the claim of a later leader without notice, if this leader had already examined the number of that
   * term. A later leader that claims after this read overwrites our claim.
   */
  async confirm(goods: readonly SpikeGoods[]): Promise<void> {
    const [first] = goods;
    if (first && !(await this.#options.holdsLease()))
      throw new FencedError(keyOf(first), this.epoch, termOf(first));
  }

  /** Call it when a claim is stored. This leader does not settle the goods before `take`. */
  claimed({ metadata: { uid } }: SpikeGoods): void {
    this.#mine.delete(uid);
    this.#endedTerms.delete(uid);
  }

  /** Call it when the orders were listed after the claim, or when the goods needed no claim. */
  take({ metadata: { uid } }: SpikeGoods): void {
    this.#mine.add(uid);
  }

  /** Call it after etcd was restored. This leader then claims all goods again. */
  forgetAll(): void {
    this.#mine.clear();
    this.#endedTerms.clear();
  }

  /** The foreign term in these goods that this leader overruled, if any. */
  overruledIn({ metadata: { uid } }: SpikeGoods): number | undefined {
    return this.#overruled.get(uid);
  }
}

/** 0 when nobody has settled the goods. */
const termOf = ({ status }: SpikeGoods): number => status?.ledgerEpoch ?? 0;
