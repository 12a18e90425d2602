// The terms of leaders, as goods carry them (`status.ledgerEpoch`), and the lease that gives them. Decides what one
// leader may do with goods: settle them, claim them first, or nothing at all. Knows nothing of stock.
//
// The lease is the truth about terms, and a number in a status is not: anybody who may write the status can write any
// number there. So a leader compares for equality only. Goods with another term than its own are claimed, after a look
// at the lease that was made after that term was seen and says that the lease is still its own. A leader that really
// came later holds the lease, and then this one is fenced off.
import type { SpikeGoods } from '../api/spike-goods.ts';
import { keyOf } from '../kube/objects.ts';

/** Another leader holds the lease: this one must stop. */
export class FencedError extends Error {
  constructor(key: string, mine: number, theirs: number) {
    super(`${key} was settled by leader term ${theirs}, this is term ${mine}, and the lease is another's`);
    this.name = 'FencedError';
  }
}

/** Goods carry a term that this leader has not looked into yet. */
export class ForeignTermError extends Error {
  readonly goods: SpikeGoods;
  constructor(goods: SpikeGoods) {
    super(`${keyOf(goods)} was settled by leader term ${termOf(goods)}`);
    this.name = 'ForeignTermError';
    this.goods = goods;
  }
}

export interface TermsOptions {
  /** Number of this term. No other leader ever has it. */
  epoch: number;
  /** A live look: whether the lease says that this process leads, by this term. */
  holdsLease(): Promise<boolean>;
  /** Goods carried a term that is higher than this one and that the lease never gave. */
  onOverruled?(goods: SpikeGoods, term: number): void;
}

/** `claims`: the write may only store the term; the orders must be listed anew before the goods are settled. */
export type Standing = 'settles' | 'claims';

export class Terms {
  readonly #options: TermsOptions;
  /** uids of goods claimed in this term, with the orders listed since. */
  readonly #mine = new Set<string>();
  /** The term of goods, by uid, that a look at the lease has shown to be over, or never to have been. */
  readonly #lookedInto = new Map<string, number>();
  readonly #overruled = new Map<string, number>();

  constructor(options: TermsOptions) {
    this.#options = options;
  }

  get epoch(): number {
    return this.#options.epoch;
  }

  /** What this leader may do with goods as they are stored. Pure. Throws ForeignTermError: look into it first. */
  standing(goods: SpikeGoods): Standing {
    const { uid } = goods.metadata;
    const term = termOf(goods);
    const isMine = this.#mine.has(uid);
    if (term === this.epoch) return isMine ? 'settles' : 'claims';
    // Nobody ever dropped a hold of goods that were never settled, so there is nothing to miss.
    if (term === 0 && !isMine && goods.status?.num === undefined) return 'settles';
    if (this.#lookedInto.get(uid) === term) return 'claims';
    throw new ForeignTermError(goods);
  }

  /** Looks at the lease once for all foreign terms among these goods. Throws FencedError when it is another's. */
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
    } catch {
      return true;
    }
  }

  /** The claim is stored: not settled before the orders are listed. */
  claimed({ metadata: { uid } }: SpikeGoods): void {
    this.#mine.delete(uid);
    this.#lookedInto.delete(uid);
  }

  /** The orders were listed after the claim, or there was nothing to claim. */
  take({ metadata: { uid } }: SpikeGoods): void {
    this.#mine.add(uid);
  }

  /** The term that this leader overruled in these goods, if it did. */
  overruledIn({ metadata: { uid } }: SpikeGoods): number | undefined {
    return this.#overruled.get(uid);
  }
}

/** 0 where nobody has settled them; what is no number is no term either. */
const termOf = ({ status }: SpikeGoods): number => status?.ledgerEpoch ?? 0;
