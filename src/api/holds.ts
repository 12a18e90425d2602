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
   * How many of them this hold itself takes from the stock. Absent: all. A name exists once, so requests of one name
   * share: the rest is taken by another hold of that name, or by the order that has the name (ledger/stock-draft.ts).
   */
  own?: number;
  /** When the hold was taken, RFC 3339. */
  time: string;
}

/** Units that a hold itself takes from the stock. */
export const ownUnits = ({ quantity, own = quantity }: Hold): number => own;

/**
 * Maximum number of holds of one goods. With 50 to 70 bytes each they stay far below etcd's 1.5 MiB. A leader
 * settles many times per second, so a full list means that there is no leader.
 */
export const mostHolds = 4096;

/**
 * For so long after its webhooks were called an order may still be stored, in ms: the API server gives a create 34 s in all
 * (requestTimeoutUpperBound), and etcd may take 7 s more. docs/ledger.md has the proof.
 */
export const longestUndecidedMs = 34_000 + 7000;

/** Maximum number of holds in one text. */
const mostInText = 64;
/** 64 holds of orders with the longest possible name. */
export const longestText = 64 * 320;

/**
 * Holds as they are stored: texts of `time uid:units:order uid:units:order …`, one for all holds of the same
 * second. `0/2` instead of `2` units: the order needs 2, and its name has them already. Every write carries all of them, and the API server decodes, prunes, compares, validates and encodes each
 * field in them, for every webhook and every watch. With 50 holds, a write cost it 9 ms of CPU as a list of objects
 * and costs 1 ms as texts.
 */
export function formatHolds(holds: Iterable<Hold>): string[] {
  const texts: string[] = [];
  let text = '';
  let time = '';
  let count = 0;
  for (const hold of holds) {
    if (count === mostInText || hold.time !== time) {
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

/** Parsed lists. A stored list never changes and is read many times. */
const read = new WeakMap<readonly unknown[], readonly Hold[]>();

/** The holds in a status of goods. Entries in any other format hold nothing. */
export function holdsOf(status: { holds?: unknown } | undefined): readonly Hold[] {
  const stored = status?.holds;
  if (!Array.isArray(stored)) return none;
  let holds = read.get(stored);
  if (!holds) {
    holds = stored.flatMap(parseText);
    read.set(stored, holds);
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
    const more = text.indexOf(':', order);
    if (more >= 0 && more < end) continue;
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
