// The messages from the server to the page, as types. Both ends are checked against them. All of them are bounded,
// whatever the size of the sale. Texts come from users, and the page must show them as text.

/** Times are epoch milliseconds of the server's clock. Money is text, as it is told everywhere (api/money.ts). */
export interface Sections {
  health: Health;
  totals: Totals;
  pulse: Pulse;
  goods: GoodsPart;
  places: Places;
  refusals: RefusalsPart;
  due: DuePart;
  news: NewsRow[];
}

/**
 * One `state` event. The first of a connection, and one after a gap, has every section. Others have the changed
 * ones.
 */
export type State = { now: number } & Partial<Sections>;

export interface Health {
  /** The replica that sends this. */
  replica: string;
  /** Since when this replica has counted refusals. */
  startedAt: number;
  leader: { who: 'here' | 'elsewhere' | 'nobody'; name: string };
  /** From their Deployment. Absent when there is none. */
  replicas?: { ready: number; wanted: number };
  /** Why the watch of the API server is broken, and when the server was last heard. Absent while all is well. */
  trouble?: { why: string; heardAt: number };
  /** This replica's admission over the last minute, in ms. */
  admission: { calls: number; p50: number; p99: number };
  certificateExpires?: number;
  viewers: { now: number; most: number };
  /** The commands to show while there are no goods. */
  firstSteps: string[];
}

export interface Totals {
  goods: number;
  onSale: number;
  stock: number;
  left: number;
  reserved: number;
  held: number;
  sold: number;
  unpaid: number;
  paid: number;
  expired: number;
  rejected: number;
}

/** Counts of the last whole seconds, oldest first. While nothing happens they are zeros. */
export interface Pulse {
  /** Orders stored, through any replica: counted from the orders themselves. */
  accepted: number[];
  paid: number[];
  /** Refused by this replica. */
  refused: number[];
}

/** What a viewer can choose to look at. */
export interface Places {
  namespaces: string[];
  /** As goods name them. */
  sellers: string[];
}

export type GoodsPhase = 'Scheduled' | 'OnSale' | 'SoldOut' | 'Ended';

export interface GoodsRow {
  /** `namespace/name`. */
  key: string;
  title: string;
  phase: GoodsPhase;
  /** In the sale. */
  price: string;
  /** The regular one, where it is higher. */
  before?: string;
  /** stock = left + held + reserved + sold. */
  stock: number;
  left: number;
  held: number;
  reserved: number;
  sold: number;
  /** Units taken per second, over the last ten seconds. */
  pace: number;
  startsAt?: number;
  endsAt?: number;
}

export interface GoodsPart {
  rows: GoodsRow[];
  /** Number of goods that are not shown. */
  more: number;
}

export interface RefusalRow {
  reason: string;
  lastMinute: number;
  total: number;
  /** The message of the last refusal. */
  example: string;
}

export interface RefusalsPart {
  rows: RefusalRow[];
  lastMinute: number;
  total: number;
}

export interface DueRow {
  /** `namespace/name` of the order. */
  key: string;
  buyer: string;
  units: number;
  money: string;
  at: number;
}

export interface DuePart {
  rows: DueRow[];
  /** Number of unpaid orders that are not shown. */
  more: number;
}

/** The colour of the same name stands for the same on the whole page. */
export type NewsMark = 'waiting' | 'paid' | 'gone' | 'refused' | 'plain';

export interface NewsRow {
  id: number;
  at: number;
  namespace: string;
  who: string;
  what: string;
  mark: NewsMark;
  /** How many more items of the same sort the row stands for. */
  more: number;
}
