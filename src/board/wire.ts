// The types of the messages from the server to the page. Server and page are both checked against them. The size of
// each message is bounded, whatever the size of the sale. Texts come from users: the page must never use them as HTML.

/** Times are epoch milliseconds of the server's clock. Money is formatted text (api/money.ts). */
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
 * The data of one `state` event. The first event of a connection, and the first after a gap, has every section. Each
 * other event has only the sections that changed.
 */
export type State = { now: number } & Partial<Sections>;

export interface Health {
  /** Name of the replica that sends this. */
  replica: string;
  /** When this replica began to count refusals. */
  startedAt: number;
  leader: { who: 'here' | 'elsewhere' | 'nobody'; name: string };
  /** The counts of Spikegate's Deployment. Absent when there is no Deployment. */
  replicas?: { ready: number; wanted: number };
  /** Why the watch of the API server is broken, and when the last data came. Absent while the watch works. */
  trouble?: { why: string; heardAt: number };
  /** This replica's admission over the last minute, in ms. */
  admission: { calls: number; p50: number; p99: number };
  certificateExpires?: number;
  /** Connections to this board now, and their maximum. */
  viewers: { now: number; most: number };
  /** The commands to show while there are no goods. */
  firstSteps: string[];
}

/** Sums over all goods and orders that the viewer chose. GoodsRow explains the counts of units. */
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

/** One count per second, for the last whole seconds, oldest first. A second without events has the count 0. */
export interface Pulse {
  /** Stored orders, whichever replica admitted them. */
  accepted: number[];
  paid: number[];
  /** Orders that this replica refused. */
  refused: number[];
}

/** The namespaces and sellers that a viewer can filter by. */
export interface Places {
  namespaces: string[];
  /** The seller ids of the goods. */
  sellers: string[];
}

export type GoodsPhase = 'Scheduled' | 'OnSale' | 'SoldOut' | 'Ended';

export interface GoodsRow {
  /** `namespace/name`. */
  key: string;
  title: string;
  phase: GoodsPhase;
  /** Price in the sale. */
  price: string;
  /** Regular price. Absent unless it is higher than `price`. */
  before?: string;
  /** All units: stock = left + held + reserved + sold. `left` is what buyers can still order. */
  stock: number;
  left: number;
  held: number;
  reserved: number;
  sold: number;
  /** Units ordered per second, as a mean of the last ten seconds. */
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

/** An unpaid order. */
export interface DueRow {
  /** `namespace/name` of the order. */
  key: string;
  buyer: string;
  units: number;
  money: string;
  /** The deadline of the payment. */
  at: number;
}

export interface DuePart {
  rows: DueRow[];
  /** Number of unpaid orders that are not shown. */
  more: number;
}

/** The colour of a row. Each colour has one meaning on the whole page. */
export type NewsMark = 'waiting' | 'paid' | 'gone' | 'refused' | 'plain';

export interface NewsRow {
  id: number;
  at: number;
  namespace: string;
  who: string;
  what: string;
  mark: NewsMark;
  /** Number of similar items that this row also stands for. */
  more: number;
}
