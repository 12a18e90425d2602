// The SQLite file: a log with one row per revision, ordered by version, as in kine. The last row of each key is its
// current state. Knows rows, but not the objects in them.

import { chmodSync, closeSync, existsSync, mkdirSync, openSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';

export interface Row {
  rv: number;
  /** The change: 0 added, 1 modified, 2 deleted. */
  op: number;
  /** Name of the table. */
  tbl: string;
  json: string;
}

const schema = `
CREATE TABLE IF NOT EXISTS log (rv INTEGER PRIMARY KEY, op INTEGER NOT NULL, tbl TEXT NOT NULL, json TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
`;

export interface LogOptions {
  file: string | undefined;
  /**
   * NORMAL survives a SIGKILL of the process, because the kernel has every committed WAL frame. A power cut or a
   * kernel crash may take the last commits (the file stays sound). FULL waits for the disk too.
   */
  synchronous: 'NORMAL' | 'FULL';
}

/** Where the store keeps its rows. */
export interface RowLog {
  rows(): Iterable<Row>;
  /** A number that is not a row, by its name; 0 when it was never written. */
  meta(name: string): number;
  /** Writes all rows or none. After it returns, they survive a crash of the process. */
  append(rows: readonly Row[]): void;
  /** Deletes superseded rows, and records `rv` as the oldest version from which a watch may start. */
  compact(rv: number, superseded: readonly number[]): void;
  /** Writes and erases a test row. Throws when the file cannot be written. */
  probe(): void;
  close(): void;
}

/**
 * Only the owner may read the file. SQLite gives its other files (-wal, -shm) the mode of the first. Earlier versions of
 * the sandbox made files that all users could read.
 */
function keepPrivate(file: string): void {
  closeSync(openSync(file, 'a', 0o600));
  for (const name of [file, `${file}-wal`, `${file}-shm`]) if (existsSync(name)) chmodSync(name, 0o600);
}

export class Log implements RowLog {
  readonly #db: DatabaseSync;
  readonly #insert: StatementSync;
  readonly #erase: StatementSync;
  readonly #setMeta: StatementSync;

  constructor(options: LogOptions) {
    if (options.file) mkdirSync(path.dirname(options.file), { recursive: true });
    if (options.file) keepPrivate(options.file);
    this.#db = new DatabaseSync(options.file ?? ':memory:');
    this.#lock(options.file);
    this.#db.exec(`PRAGMA synchronous = ${options.synchronous}`);
    this.#db.exec('PRAGMA cache_size = -4096');
    this.#db.exec(schema);
    this.#insert = this.#db.prepare('INSERT INTO log (rv, op, tbl, json) VALUES (?, ?, ?, ?)');
    this.#erase = this.#db.prepare('DELETE FROM log WHERE rv = ?');
    this.#setMeta = this.#db.prepare('INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)');
  }

  /** Locks the file: a second process would write other revisions under the same versions. */
  #lock(file: string | undefined): void {
    try {
      this.#db.exec('PRAGMA locking_mode = EXCLUSIVE');
      this.#db.exec('PRAGMA journal_mode = WAL');
      this.#db.exec('BEGIN IMMEDIATE; COMMIT');
    } catch (error) {
      this.#db.close();
      if (!/locked/.test((error as Error).message)) throw error;
      throw new Error(`another sandbox is using ${file}: stop it first, or choose another folder`);
    }
  }

  /** All rows, oldest first. */
  rows(): Iterable<Row> {
    return this.#db
      .prepare('SELECT rv, op, tbl, json FROM log ORDER BY rv')
      .iterate() as Iterable<unknown> as Iterable<Row>;
  }

  meta(name: string): number {
    const row = this.#db.prepare('SELECT value FROM meta WHERE name = ?').get(name);
    return Number(row?.value ?? 0);
  }

  append(rows: readonly Row[]): void {
    this.#transaction(() => {
      for (const row of rows) this.#insert.run(row.rv, row.op, row.tbl, row.json);
    });
  }

  compact(rv: number, superseded: readonly number[]): void {
    this.#transaction(() => {
      for (const old of superseded) this.#erase.run(old);
      this.#setMeta.run('compacted', rv);
    });
  }

  /** The test row is as large as a small object, because less free space would be of no use. */
  probe(): void {
    this.#transaction(() => {
      this.#insert.run(-1, 0, '', ' '.repeat(4096));
      this.#erase.run(-1);
    });
  }

  close(): void {
    this.#db.close();
  }

  #transaction(work: () => void): void {
    this.#db.exec('BEGIN IMMEDIATE');
    try {
      work();
      this.#db.exec('COMMIT');
    } catch (error) {
      // A failed COMMIT may have ended the transaction.
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
      throw error;
    }
  }
}
