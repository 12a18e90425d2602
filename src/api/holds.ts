// Holds: units of goods that admission has taken for orders which the leader has not accepted yet. This is the only
// file that knows the text format of SpikeGoods.status.holds.

/** Units held for one order. */
export interface Hold {
  /** The order's uid. */
  uid: string;
  /** The order's name. A live read asks for it before the hold lapses. */
  order: string;
  /** Units that the order needs, at least 1. */
  quantity: number;
  /**
   * How many of them this hold itself takes from the stock. Absent: all. Only one order of a name can be stored, so
   * requests with the same name share units. Another hold with that name, or the stored order, takes the other units
   * (ledger/stock-draft.ts).
   */
  own?: number;
  /** When the hold was taken, RFC 3339. */
  time: string;
}

/** Units that a hold itself takes from the stock. */
export const ownUnits = ({ quantity, own = quantity }: Hold): number => own;

/**
 * Maximum number of holds of one goods. A hold has 50 to 70 bytes, so all together stay far below etcd's limit of
 * 1.5 MiB. A leader settles many times per second, so a full list means that there is no leader.
 */
export const mostHolds = 4096;

/**
 * Longest time in ms from the webhook call for an order to the write that stores the order. The API server gives a
 * create 34 s in all (requestTimeoutUpperBound), and etcd may take 7 s more. docs/ledger.md has the proof.
 */
export const longestUndecidedMs = 34_000 + 7000;

/** Maximum number of holds in one text. */
const maxHoldsPerText = 64;
/** Maximum length of one text: 64 holds of orders with the longest possible name. */
export const longestText = 64 * 320;

/**
 * Formats holds for `status.holds`. The holds of one second share a text `time uid:units:order uid:units:order …`.
 * Units `0/2` mean that the order needs 2 and the hold itself takes 0 (`own`). Objects would cost more than texts:
 * every write carries all holds, and the API server decodes, prunes, compares, validates and encodes each field for
 * every webhook and every watch. A write with 50 holds took 9 ms of its CPU as objects and takes 1 ms as texts.
 */
export function formatHolds(holds: Iterable<Hold>): string[] {
  const texts: string[] = [];
  let text = '';
  let time = '';
  let count = 0;
  for (const hold of holds) {
    if (count === maxHoldsPerText || hold.time !== time) {
      if (text) texts.push(text);
      ({ time } = hold);
      text = time;
      count = 0;
    }
    const own = ownUnits(hold);
    text += ` ${hold.uid}:${own === hold.quantity ? '' : `${own}/`}${hold.quantity}:${hold.order}`;
    count++;
  }
  if (text) texts.push(text);
  return texts;
}

/** Parsed holds by stored list. A stored list never changes and is read many times. */
const parsedLists = new WeakMap<readonly unknown[], readonly Hold[]>();

/** The holds in a status of goods. Entries in any other format hold nothing. */
export function holdsOf(status: { holds?: unknown } | undefined): readonly Hold[] {
  const stored = status?.holds;
  if (!Array.isArray(stored)) return none;
  let holds = parsedLists.get(stored);
  if (!holds) {
    holds = stored.flatMap(parseText);
    parsedLists.set(stored, holds);
  }
  return holds;
}

const none: readonly Hold[] = [];

/** Uses positions instead of `split`: goods in a crowd have thousands of holds and are parsed at every change. */
function parseText(text: unknown): Hold[] {
  const holds: Hold[] = [];
  if (typeof text !== 'string') return holds;
  const head = text.indexOf(' ');
  if (head < 0) return holds;
  const time = text.slice(0, head);
  for (let start = head + 1, end = start; start < text.length; start = end + 1) {
    end = text.indexOf(' ', start);
    if (end < 0) end = text.length;
    const units = text.indexOf(':', start) + 1;
    const order = units > 0 ? text.indexOf(':', units) + 1 : 0;
    // No uid, no name, or a missing colon.
    if (units <= start + 1 || order === 0 || order >= end) continue;
    const extraColon = text.indexOf(':', order);
    if (extraColon >= 0 && extraColon < end) continue;
    const number = text.slice(units, order - 1);
    const slash = number.indexOf('/') + 1;
    const quantity = Number(slash > 0 ? number.slice(slash) : number);
    if (!Number.isSafeInteger(quantity) || quantity <= 0) continue;
    const hold: Hold = { uid: text.slice(start, units - 1), order: text.slice(order, end), quantity, time };
    if (slash > 0) {
      hold.own = Number(number.slice(0, slash - 1) || Number.NaN);
      if (!(Number.isSafeInteger(hold.own) && hold.own >= 0 && hold.own < quantity)) continue;
    }
    holds.push(hold);
  }
  return holds;
}

/** Units that all holds together take from the stock. */
export const heldUnits = (status: { holds?: unknown } | undefined): number =>
  holdsOf(status).reduce((sum, hold) => sum + ownUnits(hold), 0);

/** Prefix of the uid of a lot: a hold for orders still to come, in the name of a replica (ledger/lots.ts). */
export const lotPrefix = 'lot-';
export const isLot = ({ uid }: Hold): boolean => uid.startsWith(lotPrefix);

/** The lots among the holds of goods. */
export const lotsOf = (status: { holds?: unknown } | undefined): readonly Hold[] =>
  holdsOf(status).filter(isLot);

/** Whether the order with this uid has a hold. */
export const isHeld = (status: { holds?: unknown } | undefined, uid: string): boolean =>
  holdsOf(status).some((hold) => hold.uid === uid);
