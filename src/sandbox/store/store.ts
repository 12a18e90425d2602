// The store: current objects and recent history in memory. Listeners hear of a write only after it is in the log, and
// a caller waits for that with durable(). Writes of one turn of the event loop share a transaction (group commit). All
// writes share one version counter. Knows no kind, no schema and no HTTP.

import type { Cancel, Clock } from '../../runtime/clock.ts';
import type { Item } from '../types.ts';
import { type ChangeType, describe, type Entry, entryOf, type StoreChange } from './entry.ts';
import { Log, type RowLog } from './log.ts';
import { Table } from './table.ts';

export interface Compaction {
  /** Compaction drops changes older than this. kube-apiserver makes etcd keep 5 minutes. */
  maxAgeMs: number;
  /** Maximum number of changes to keep, whatever their age. */
  maxChanges: number;
  everyMs: number;
}

export const defaultCompaction: Compaction = { maxAgeMs: 300_000, maxChanges: 10_000, everyMs: 5_000 };

/** What the store found in its log at the start. */
export interface Recovered {
  objects: number;
  changes: number;
  resourceVersion: number;
  compacted: number;
}

/** The log cannot be written, for example because the disk is full. The caller's write was undone. */
export class StoreTrouble extends Error {
  override readonly name = 'StoreTrouble';
}

export interface StoreOptions {
  /** Replaces the SQLite file. */
  openLog?: (file: string | undefined) => RowLog;
  file: string | undefined;
  clock: Clock;
  compaction: Compaction;
  synchronous?: 'NORMAL' | 'FULL';
}

const opOf: Record<ChangeType, number> = { ADDED: 0, MODIFIED: 1, DELETED: 2 };
const typeOf: readonly ChangeType[] = ['ADDED', 'MODIFIED', 'DELETED'];

interface Batch {
  changes: StoreChange[];
  done: Promise<void>;
  resolve: () => void;
  reject: (error: unknown) => void;
}

function newBatch(): Batch {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  // An unhandled rejection would end the process. Callers that wait for the batch still get the error.
  promise.catch(() => {});
  return { changes: [], done: promise, resolve, reject };
}

export class Store {
  readonly recovered: Recovered;
  readonly #log: RowLog;
  readonly #options: StoreOptions;
  readonly #tables = new Map<string, Table>();
  readonly #listeners = new Set<(changes: readonly StoreChange[]) => void>();
  /** The changes of all tables since the last compaction, oldest first. */
  #changes: StoreChange[] = [];
  #batch: Batch | undefined;
  #rv = 0;
  #compactedTo = 0;
  #stopCompaction: Cancel = () => {};
  #closed = false;
  #problem: string | undefined;

  constructor(options: StoreOptions) {
    this.#options = options;
    const { file, synchronous = 'NORMAL', openLog = () => new Log({ file, synchronous }) } = options;
    this.#log = openLog(file);
    this.recovered = this.#recover();
    this.#scheduleCompaction();
  }

  /** Why the last write failed; undefined while all is well. */
  get trouble(): string | undefined {
    return this.#problem;
  }

  /** The version of the latest write. A list of the current objects shows the state at this version. */
  get version(): number {
    return this.#rv;
  }

  /** The oldest version from which a watch may start: history has all changes after it. */
  get oldest(): number {
    return this.#compactedTo;
  }

  table(name: string): Table {
    let table = this.#tables.get(name);
    if (!table) {
      table = new Table();
      this.#tables.set(name, table);
    }
    return table;
  }

  /** Commits the waiting batch. Call it before a read, which must not show a write that a crash could undo. */
  settle(): void {
    if (this.#batch) this.#flush();
  }

  /** Adds `item`. The caller has checked that its key is free. */
  add(table: string, item: Item): Entry {
    return this.#write('ADDED', table, item, undefined);
  }

  /** Replaces `prev`. The caller has checked that it is current. */
  replace(prev: Entry, item: Item): Entry {
    return this.#write('MODIFIED', prev.table, item, prev);
  }

  /** Removes `prev`. `item` is the last state that watchers see. */
  remove(prev: Entry, item: Item): Entry {
    return this.#write('DELETED', prev.table, item, prev);
  }

  /** Resolves when all writes so far are in the log. Rejects with StoreTrouble when the log cannot be written. */
  durable(): Promise<void> {
    return this.#batch?.done ?? Promise.resolve();
  }

  /** After each commit, calls `listener` with its changes. */
  onCommit(listener: (changes: readonly StoreChange[]) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    if (this.#closed) return;
    this.settle();
    this.#closed = true;
    this.#stopCompaction();
    this.#log.close();
  }

  #write(type: ChangeType, table: string, item: Item, prev: Entry | undefined): Entry {
    if (this.#closed) throw new Error('the store is closed');
    const entry = entryOf(table, item, ++this.#rv);
    const change: StoreChange = { type, entry, prev, at: this.#options.clock.monotonic() };
    this.table(table).apply(change);
    if (!this.#batch) {
      this.#batch = newBatch();
      const batch = this.#batch;
      setImmediate(() => {
        if (this.#batch === batch) this.#flush();
      });
    }
    this.#batch.changes.push(change);
    return entry;
  }

  #flush(): void {
    const batch = this.#batch;
    if (!batch || this.#closed) return;
    this.#batch = undefined;
    try {
      this.#log.append(
        batch.changes.map(({ type, entry }) => ({
          rv: entry.rv,
          op: opOf[type],
          tbl: entry.table,
          json: entry.json,
        })),
      );
    } catch (error) {
      for (const change of batch.changes.toReversed()) this.table(change.entry.table).revert(change);
      this.#problem = (error as Error).message;
      batch.reject(new StoreTrouble(`nothing can be written: ${this.#problem}`, { cause: error }));
      return;
    }
    this.#problem = undefined;
    for (const change of batch.changes) this.#changes.push(change);
    batch.resolve();
    for (const listener of this.#listeners) listener(batch.changes);
  }

  #recover(): Recovered {
    this.#compactedTo = this.#log.meta('compacted');
    this.#rv = this.#compactedTo;
    const at = this.#options.clock.monotonic();
    for (const row of this.#log.rows()) {
      const entry = describe(row.tbl, JSON.parse(row.json) as Item, row.rv, row.json);
      const table = this.table(row.tbl);
      const prev = table.get(entry.key);
      const type = typeOf[row.op] ?? 'MODIFIED';
      this.#rv = Math.max(this.#rv, row.rv);
      // History before the last compaction is incomplete: load such rows without a change in history.
      if (row.rv <= this.#compactedTo) {
        if (type !== 'DELETED') table.load(entry);
        continue;
      }
      const change: StoreChange = { type, entry, prev, at };
      table.apply(change);
      this.#changes.push(change);
    }
    let objects = 0;
    for (const table of this.#tables.values()) objects += table.size;
    return {
      objects,
      changes: this.#changes.length,
      resourceVersion: this.#rv,
      compacted: this.#compactedTo,
    };
  }

  #scheduleCompaction(): void {
    this.#stopCompaction = this.#options.clock.after(this.#options.compaction.everyMs, () => {
      this.compact();
      if (this.#problem !== undefined) this.#probe();
      if (!this.#closed) this.#scheduleCompaction();
    });
  }

  /** Checks whether the log can be written again. Without it, only the next write would find out. */
  #probe(): void {
    try {
      this.#log.probe();
      this.#problem = undefined;
    } catch (error) {
      this.#problem = (error as Error).message;
    }
  }

  /** Drops the changes that exceed the limits, and all changes up to version `upTo`. */
  compact(upTo?: number): void {
    if (this.#closed) return;
    this.settle();
    const { maxAgeMs, maxChanges } = this.#options.compaction;
    const tooOld = this.#options.clock.monotonic() - maxAgeMs;
    let cut = Math.max(0, this.#changes.length - maxChanges);
    while (cut < this.#changes.length && (this.#changes[cut] as StoreChange).at < tooOld) cut++;
    if (upTo !== undefined)
      while (cut < this.#changes.length && (this.#changes[cut] as StoreChange).entry.rv <= upTo) cut++;
    if (cut === 0) return;
    const to = (this.#changes[cut - 1] as StoreChange).entry.rv;
    // Rows that are no longer needed: the revisions that these changes replaced, and deletions.
    const superseded: number[] = [];
    for (const { type, entry, prev } of this.#changes.slice(0, cut)) {
      if (prev) superseded.push(prev.rv);
      if (type === 'DELETED') superseded.push(entry.rv);
    }
    try {
      this.#log.compact(to, superseded);
    } catch (error) {
      // Nothing was dropped. A later compaction tries again; meanwhile only the file is larger than necessary.
      this.#problem = (error as Error).message;
      return;
    }
    this.#changes = this.#changes.slice(cut);
    this.#compactedTo = to;
    for (const table of this.#tables.values()) table.compact(to);
  }
}
