// Takes the holds of an order before Kubernetes may store the order. Runs on every replica. Decides which order is
// next when units are short. stock-draft.ts decides how many units there are.
import { holdsOf, isHeld, mostHolds } from '../api/holds.ts';
import { type Refusal, refuse } from '../api/refusals.ts';
import type { OrderLine } from '../api/sale.ts';
import type { SpikeGoods } from '../api/spike-goods.ts';
import { joinKey, keyOf, splitKey } from '../kube/objects.ts';
import type { ServerClock } from '../kube/server-time.ts';
import { type Change, type GoodsWriter, outOfTime } from './goods-writer.ts';
import { holdTime } from './hold-time.ts';
import type { Lots } from './lots.ts';
import { availableOf, type StockDraft } from './stock-draft.ts';
import { Tickets } from './tickets.ts';
import type { UserHolds } from './user-holds.ts';
import { WaitingLines } from './waiting-line.ts';

export interface HoldRequest {
  namespace: string;
  /** metadata.uid of the order. It is the key of the hold. */
  uid: string;
  /** Name of the order. */
  order: string;
  /**
   * Identifies the buyer over several tries, unique within the namespace. The first try decides the place in line.
   * Default: the name of the order.
   */
  who?: string;
  /** The user of the request, as the API server authenticated them. */
  user?: string;
  /** Sorted by name. */
  lines: readonly HoldLine[];
  /**
   * The order is stored already: it was created without admission, or its lot was abandoned. Then a refusal gives no
   * holds back, because another leader may have accepted the order with them. A settlement drops them when the order
   * has a state or is gone.
   */
  isStored?: boolean;
  /** With isStored: abandoned lots of these goods on which the order may have been admitted. */
  lotsOf?(goods: SpikeGoods): readonly string[];
}

export interface HoldLine {
  /** Name of the goods. */
  goods: string;
  /**
   * uid of the goods that the order means. If these goods were deleted, other goods may have their name now. A hold
   * on the other goods would never appear in the sums of the order.
   */
  uid?: string;
  /** Units. */
  quantity: number;
}

/** The hold that a line of an order needs. */
export const holdLineOf = ({ goods, quantity }: OrderLine): HoldLine => ({
  goods: goods.metadata.name,
  uid: goods.metadata.uid,
  quantity,
});

/**
 * Longest time that an order waits in line for units that may become free, in ms. The API server keeps its request
 * open meanwhile.
 */
const inLineMs = 2000;
/** Time before the deadline that is reserved for the answer to reach the API server, in ms. */
const answerMs = 300;

export interface GateOptions {
  writer: GoodsWriter;
  clock: ServerClock;
  /** Without lots every order waits for the write that holds its stock. */
  lots?: Lots;
  /** Whether the cache has the order with this uid. The units of a stored order will not become free soon. */
  isStored(uid: string): boolean;
  /** Limits how much one user may hold in requests that may not be stored yet. Absent: no limit. */
  users?: UserHolds;
  /** In [0, 1). Spreads the times at which refused clients retry. */
  random?: () => number;
}

export class Gate {
  readonly #writer: GoodsWriter;
  readonly #clock: ServerClock;
  readonly #lots: Lots | undefined;
  readonly #isStored: (uid: string) => boolean;
  readonly #users: UserHolds | undefined;
  readonly #tickets: Tickets;
  readonly #waiting: WaitingLines;

  constructor({ writer, clock, lots, isStored, users, random = Math.random }: GateOptions) {
    this.#writer = writer;
    this.#clock = clock;
    this.#lots = lots;
    this.#isStored = isStored;
    this.#users = users;
    this.#tickets = new Tickets(clock, random);
    const version = (key: string) => writer.known(key)?.metadata.resourceVersion;
    this.#waiting = new WaitingLines({ clock, version });
  }

  /**
   * Holds the stock of a whole order, and gives all of it back when one goods refuses (see isStored). Idempotent by
   * uid. `deadline` is on `clock.monotonic()` in ms.
   */
  async hold(request: HoldRequest, deadline?: number): Promise<Refusal | undefined> {
    const time = holdTime(this.#clock);
    if (time === undefined) return timeUnknown;
    if (request.isStored)
      return this.#holdInOrder(request, (line) => this.#take(request, line, time, deadline));
    const who = joinKey(request.namespace, request.who ?? request.order);
    const ticket = this.#tickets.of(who);
    const refusal = await this.#withinUserLimit(request, () =>
      this.#admit(request, time, deadline, ticket.since),
    );
    if (refusal?.retryAfterSeconds) {
      return { ...refusal, retryAfterSeconds: this.#tickets.refused(who, ticket) };
    }
    this.#tickets.forget(who);
    return refusal;
  }

  /** Counts the request against the limit of its user, until it is known whether its order is stored. */
  async #withinUserLimit(
    { uid, user = '', namespace, order, lines }: HoldRequest,
    admit: () => Promise<Refusal | undefined>,
  ): Promise<Refusal | undefined> {
    if (!this.#users) return admit();
    const counted = lines.map((line) => {
      const key = joinKey(namespace, line.goods);
      const stockCount = this.#writer.known(key)?.spec.stockCount ?? Number.POSITIVE_INFINITY;
      return { key, units: line.quantity, stockCount };
    });
    const refusal =
      this.#users.begin(uid, { user, name: joinKey(namespace, order), lines: counted }) ?? (await admit());
    if (refusal) this.#users.forget(uid);
    return refusal;
  }

  /**
   * First tries all goods at once: one write for each goods, side by side; each write also carries the changes of
   * other orders. If units of one goods may become free, the order waits in line: one goods after the other, in name
   * order. While it waits for one goods, it holds units of earlier goods only.
   */
  async #admit(
    request: HoldRequest,
    time: string,
    deadline: number | undefined,
    since: number,
  ): Promise<Refusal | undefined> {
    const { namespace, lines } = request;
    const take = (line: HoldLine) => this.#take(request, line, time, deadline);
    const short = lines.length > 1 ? await this.#findShort(request, time, deadline) : undefined;
    if (short && !this.#mayComeFree(namespace, short)) return short.refusal;
    if (!short && !lines.some((line) => this.#waiting.isBusy(joinKey(namespace, line.goods)))) {
      const refused = await this.#holdAtOnce(request, take);
      if (!refused || !this.#mayComeFree(namespace, refused)) return refused?.refusal;
      // While the order waits in line, it must not hold units of later goods.
      await refused.givenBack;
    }
    const now = this.#clock.monotonic();
    const until = Math.min(now + inLineMs, (deadline ?? Number.POSITIVE_INFINITY) - answerMs);
    return this.#holdInOrder(request, (line) =>
      this.#inLine(joinKey(namespace, line.goods), since, until, () => take(line)),
    );
  }

  /**
   * The first line whose goods have too few units now. Writes nothing. A cached copy with enough units is good
   * enough here, because the write checks the units again. A copy with too few units must have been confirmed
   * within the last second; otherwise the writer reads the goods first.
   */
  async #findShort(
    request: HoldRequest,
    time: string,
    deadline: number | undefined,
  ): Promise<Refused | undefined> {
    for (const line of request.lines) {
      const key = joinKey(request.namespace, line.goods);
      const known = this.#writer.known(key);
      if (known && availableOf(known.spec.stockCount, known.status) >= line.quantity) continue;
      const hold = { uid: request.uid, order: request.order, quantity: line.quantity, time };
      const { refusal } = await this.#writer.submit(
        key,
        (draft) => {
          if (!isMeant(line, draft.goods)) return replaced(line);
          return draft.available < line.quantity ? draft.whyNot(hold, this.#isStored) : undefined;
        },
        deadline === undefined ? {} : { deadline },
      );
      // This replica's own lot may have the missing units.
      if (refusal && !this.#lots?.has(key, line.quantity)) return { line, refusal };
    }
    return undefined;
  }

  /** Whether the goods would have enough units if all present holds were given back. */
  #mayComeFree(namespace: string, { line, refusal }: Refused): boolean {
    const goods = this.#writer.known(joinKey(namespace, line.goods));
    if (!refusal.retryAfterSeconds || refusal === outOfTime) return false;
    if (!goods || !isMeant(line, goods)) return false;
    const { num = 0, reserved = 0 } = goods.status ?? {};
    const { stockCount } = goods.spec;
    const isShort = availableOf(stockCount, goods.status) < line.quantity;
    return (
      isShort && stockCount - num - reserved >= line.quantity && holdsOf(goods.status).length < mostHolds
    );
  }

  async #holdAtOnce(
    request: HoldRequest,
    take: (line: HoldLine) => Promise<Refusal | undefined>,
  ): Promise<(Refused & { givenBack: Promise<void> }) | undefined> {
    const outcomes = await Promise.allSettled(request.lines.map(take));
    const failed = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failed) {
      // Nobody knows whether that line was stored, so the release must read what is stored.
      this.#giveUp(request, false);
      throw failed.reason;
    }
    const refused: Refused[] = [];
    const taken: HoldLine[] = [];
    for (const [index, line] of request.lines.entries()) {
      const refusal = (outcomes[index] as PromiseFulfilledResult<Refusal | undefined>).value;
      if (refusal) refused.push({ line, refusal });
      else taken.push(line);
    }
    if (refused.length === 0) return undefined;
    // A refusal without a time to retry is final, so it goes first.
    const final =
      refused.find(({ refusal }) => !refusal.retryAfterSeconds) ??
      refused.find(({ refusal }) => refusal === outOfTime);
    const givenBack = this.#giveUp({ ...request, lines: taken }, true);
    return { ...(final ?? refused[0]!), givenBack };
  }

  /** Takes one goods after the other, in name order. After a refusal, gives back the goods before it. */
  async #holdInOrder(
    request: HoldRequest,
    take: (line: HoldLine) => Promise<Refusal | undefined>,
  ): Promise<Refusal | undefined> {
    for (const [index, line] of request.lines.entries()) {
      const refusal = await take(line).catch((error: unknown) => {
        void this.#giveUp({ ...request, lines: request.lines.slice(0, index + 1) }, false);
        throw error;
      });
      if (!refusal) continue;
      void this.#giveUp({ ...request, lines: request.lines.slice(0, index) }, true);
      return refusal;
    }
    return undefined;
  }

  /**
   * Waits in line for one goods. Tries at each turn, until it gets the units, is refused for good, or the time is
   * up.
   */
  async #inLine(
    key: string,
    since: number,
    until: number,
    take: () => Promise<Refusal | undefined>,
  ): Promise<Refusal | undefined> {
    const place = this.#waiting.join(key, since);
    if (!place) return crowded(key);
    let refusal: Refusal = crowded(key);
    try {
      while (await place.turn(until)) {
        const answer = await take();
        if (!answer?.retryAfterSeconds || answer === outOfTime) return answer;
        refusal = answer;
      }
      return refusal;
    } finally {
      place.leave();
    }
  }

  async #take(
    request: HoldRequest,
    line: HoldLine,
    time: string,
    deadline: number | undefined,
  ): Promise<Refusal | undefined> {
    const { uid, order, namespace, isStored } = request;
    const hold = { uid, order, quantity: line.quantity, time };
    const key = joinKey(namespace, line.goods);
    if (!isStored && line.uid && this.#lots?.take(key, line.uid, hold)) return undefined;
    const takeHold = (draft: StockDraft) => {
      if (!isStored) return draft.hold(hold, this.#isStored);
      return draft.assign(hold, request.lotsOf?.(draft.goods) ?? []) ? undefined : draft.hold(hold);
    };
    const { refusal } = await this.#writer.submit(
      key,
      (draft) => (isMeant(line, draft.goods) ? takeHold(draft) : replaced(line)),
      { ...(isStored ? {} : { undo: giveBack(uid) }), ...(deadline === undefined ? {} : { deadline }) },
    );
    return refusal;
  }

  /** Whether an order has a hold on these goods, as far as this process knows. No I/O. */
  hasHold(goods: SpikeGoods, uid: string): boolean {
    return isHeld(goods.status, uid) || (this.#lots?.hasUnassigned(keyOf(goods), uid) ?? false);
  }

  /**
   * Gives holds back in the background; never rejects. A refused order need not wait for it. If the process dies
   * before the write, the holds lapse.
   */
  #giveUp(request: HoldRequest, fromStale: boolean): Promise<void> {
    if (request.isStored) return Promise.resolve();
    return this.release(request, fromStale).catch(() => undefined);
  }

  /** Gives back holds of an order that will never be stored. `fromStale`: see ChangeOptions. */
  async release(request: HoldRequest, fromStale = true): Promise<void> {
    const keys = request.lines.map((line) => joinKey(request.namespace, line.goods));
    const stored = keys.filter((key) => !this.#lots?.release(key, request.uid));
    await Promise.all(stored.map((key) => this.#writer.submit(key, giveBack(request.uid), { fromStale })));
  }
}

/** The refusal while this process does not know the API server's time. ServerTime has already asked for it. */
export const timeUnknown: Refusal = {
  ...refuse('TooManyRequests', "this replica does not know the API server's time just now; try again"),
  retryAfterSeconds: 1,
};

/** A line of an order, and why its goods refused it. */
interface Refused {
  line: HoldLine;
  refusal: Refusal;
}

const isMeant = (line: HoldLine, { metadata }: SpikeGoods): boolean =>
  line.uid === undefined || line.uid === metadata.uid;

/** The refusal when other orders have waited longer for the last units. */
const crowded = (key: string): Refusal => ({
  ...refuse('TooManyRequests', `others wait for the last units of ${splitKey(key).name} already; try again`),
  retryAfterSeconds: 1,
});

/** The refusal when other goods have the name now. A retry refers to the new goods, or finds none. */
const replaced = ({ goods }: HoldLine): Refusal => ({
  ...refuse('TooManyRequests', `goods ${goods} were replaced by new ones; try again`),
  retryAfterSeconds: 1,
});

const giveBack =
  (uid: string): Change =>
  (draft) => {
    draft.drop(uid);
    return undefined;
  };
