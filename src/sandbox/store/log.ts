// The SQLite file: a log of revisions by version, as kine has for etcd. The current state is the last row of each
// key. Knows rows, no objects.

import { chmodSync, closeSync, existsSync, mkdirSync, openSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';

export interface Row {
  rv: number;
  /** 0 added, 1 modified, 2 deleted. */
  op: number;
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
  meta(name: string): number;
  /** Writes all rows or none. When it returns, they survive the process. */
  append(rows: readonly Row[]): void;
  /** Deletes superseded rows, and records the version to which history reaches back. */
  compact(rv: number, superseded: readonly number[]): void;
  /** Writes something that nobody reads. Throws when nothing can be written. */
  probe(): void;
  close(): void;
}

/** SQLite gives its other files (-wal, -shm) the mode of the first. Earlier versions made all of them for everybody. */
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

  /** Locks the file: a second writer would use the same versions again. */
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

  /** Everything in the file, oldest first. */
  rows(): Iterable<Row> {
    return this.#db
      .prepare('SELECT rv, op, tbl, json FROM log ORDER BY rv')
      .iterate() as Iterable<unknown> as Iterable<Row>;
  }

  meta(name: string): number {
    const row = this.#db.prepare('SELECT value FROM meta WHERE name = ?').get(name);
    return Number(row?.value ?? 0);
  }

  /** Writes all rows or none. When it returns, they survive the process. */
  append(rows: readonly Row[]): void {
    this.#transaction(() => {
      for (const row of rows) this.#insert.run(row.rv, row.op, row.tbl, row.json);
    });
  }

  /** Deletes superseded rows, and records the version to which history reaches back. */
  compact(rv: number, superseded: readonly number[]): void {
    this.#transaction(() => {
      for (const old of superseded) this.#erase.run(old);
      this.#setMeta.run('compacted', rv);
    });
  }

  /** As large as a small object: less room is not enough. */
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
