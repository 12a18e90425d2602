// What goes from the server to the page, as types only: both ends are checked against it. All of it is bounded,
// whatever the sale's size; texts come from users, and whoever shows them must treat them as text.

/** Times are epoch milliseconds of the server's clock, money is in minor units. */
export interface Sections {
  health: Health;
  totals: Totals;
  pulse: Pulse;
  goods: GoodsPart;
  refusals: RefusalsPart;
  due: DuePart;
  news: NewsRow[];
}

/** One `state` event. The first of a connection, and one after a gap, has every section; else what changed. */
export type State = { now: number } & Partial<Sections>;

export interface Health {
  /** Who sends this. */
  replica: string;
  /** Since when this replica counts refusals. */
  startedAt: number;
  leader: { who: 'here' | 'elsewhere' | 'nobody'; name: string };
  /** As their Deployment counts them; absent where there is none. */
  replicas?: { ready: number; wanted: number };
  /** Why the API server is not being followed, and when it was last heard; absent while all is well. */
  trouble?: { why: string; heardAt: number };
  /** Of this replica's admission over the last minute, in milliseconds. */
  admission: { calls: number; p50: number; p99: number };
  certificateExpires?: number;
  viewers: { now: number; most: number };
  /** What to paste when there are no goods. */
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

/** Counts of the last whole seconds, oldest first; while nothing happens they stay as they are: zeros. */
export interface Pulse {
  /** Orders stored, by any replica: from the orders themselves. */
  accepted: number[];
  paid: number[];
  /** By this replica. */
  refused: number[];
}

export type GoodsPhase = 'Scheduled' | 'OnSale' | 'SoldOut' | 'Ended';

export interface GoodsRow {
  /** `namespace/name`. */
  key: string;
  title: string;
  phase: GoodsPhase;
  price: number;
  spikePrice: number;
  /** stock = left + held + reserved + sold. */
  stock: number;
  left: number;
  held: number;
  reserved: number;
  sold: number;
  /** Units taken a second, over the last ten seconds. */
  pace: number;
  startsAt?: number;
  endsAt?: number;
}

export interface GoodsPart {
  rows: GoodsRow[];
  /** Goods that are not shown. */
  more: number;
}

export interface RefusalRow {
  reason: string;
  lastMinute: number;
  total: number;
  /** What the last one was told. */
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
  money: number;
  at: number;
}

export interface DuePart {
  rows: DueRow[];
  /** Unpaid orders that are not shown. */
  more: number;
}

export interface NewsRow {
  id: number;
  at: number;
  who: string;
  what: string;
  tone: 'good' | 'plain' | 'bad';
  /** How many more of the same sort it stands for. */
  more: number;
}
