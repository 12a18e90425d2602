// Holds: units of a goods that admission took for orders the leader has not accepted yet, and how they are
// stored. The one place that knows the text of SpikeGoods.status.holds.

/** Units held for one order. */
export interface Hold {
  /** uid of the order. */
  uid: string;
  /** Its name: what a live read asks for before a hold lapses. */
  order: string;
  /** Units, at least 1. */
  quantity: number;
  /** When they were first held, RFC 3339. */
  time: string;
}

/**
 * Holds that one goods can carry at once. At 50 to 70 bytes each they stay well inside etcd's 1.5 MiB; a
 * leader drains them many times a second, so a full list means that nobody leads.
 */
export const mostHolds = 4096;

/** One text carries so many at the most. */
const mostInText = 64;
/** 64 holds of orders with the longest name that there is. */
export const longestText = 64 * 320;

/**
 * Holds as they are stored: texts of `time uid:units:order uid:units:order …`, one for the holds of one moment.
 * Every write carries all of them, and the API server decodes, prunes, compares, validates and encodes each
 * field of each object in them, for every webhook and every watch: with 50 holds one write took it 9 ms of CPU
 * as a list of objects and takes 1 ms so.
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
    text += ` ${hold.uid}:${hold.quantity}:${hold.order}`;
    count++;
  }
  if (text) texts.push(text);
  return texts;
}

/** Lists that were read before; a stored list is never changed, and is asked for many times. */
const read = new WeakMap<readonly unknown[], readonly Hold[]>();

/** The holds in a status of goods. What is not one of ours, whoever wrote it, holds nothing. */
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

/** By positions, not by `split`: goods of a crowd have thousands of holds, and are read at every change. */
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
    // No uid, no name, or one colon too few.
    if (units <= start + 1 || order === 0 || order >= end) continue;
    const more = text.indexOf(':', order);
    if (more >= 0 && more < end) continue;
    const quantity = Number(text.slice(units, order - 1));
    if (!Number.isSafeInteger(quantity) || quantity <= 0) continue;
    holds.push({ uid: text.slice(start, units - 1), order: text.slice(order, end), quantity, time });
  }
  return holds;
}

/** Units in holds. */
export const heldUnits = (status: { holds?: unknown } | undefined): number =>
  holdsOf(status).reduce((sum, { quantity }) => sum + quantity, 0);

/** Begins the uid of a hold that is a lot: units that a replica holds for orders still to come (ledger/lots.ts). */
export const lotPrefix = 'lot-';
export const isLot = ({ uid }: Hold): boolean => uid.startsWith(lotPrefix);

/** The lots among the holds of goods. */
export const lotsOf = (status: { holds?: unknown } | undefined): readonly Hold[] =>
  holdsOf(status).filter(isLot);

/** Whether units are held for the order of that uid. */
export const isHeld = (status: { holds?: unknown } | undefined, uid: string): boolean =>
  holdsOf(status).some((hold) => hold.uid === uid);
