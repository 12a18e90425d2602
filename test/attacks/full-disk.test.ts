// A disk that fills up. The sandbox ended from a timer (its compaction), and said that it was ready while nothing could be
// written. It refuses writes, says so, serves what it has, and goes on when there is room.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Log, type Row, type RowLog } from '../../src/sandbox/store/log.ts';
import { configmap, configmaps, eventually, open } from '../sandbox/harness.ts';

/** A SQLite file on a disk that is full when the test says so. */
class Disk implements RowLog {
  isFull = false;
  readonly #log = new Log({ file: undefined, synchronous: 'NORMAL' });

  #write(): void {
    if (this.isFull) throw Object.assign(new Error('database or disk is full'), { code: 'ERR_SQLITE_ERROR' });
  }
  rows(): Iterable<Row> {
    return this.#log.rows();
  }
  meta(name: string): number {
    return this.#log.meta(name);
  }
  append(rows: readonly Row[]): void {
    this.#write();
    this.#log.append(rows);
  }
  compact(rv: number, superseded: readonly number[]): void {
    this.#write();
    this.#log.compact(rv, superseded);
  }
  probe(): void {
    this.#write();
    this.#log.probe();
  }
  close(): void {
    this.#log.close();
  }
}

test('a full disk: writes are refused, /readyz says why, reads go on, and so does everything when there is room', async (t) => {
  const disk = new Disk();
  const { call } = await open(t, {
    openLog: () => disk,
    compaction: { maxAgeMs: 0, maxChanges: 1, everyMs: 50 },
  });
  assert.equal((await call('POST', configmaps, configmap('before'))).code, 201);
  disk.isFull = true;
  for (let i = 0; i < 20; i++) {
    const { code, body } = await call('POST', configmaps, configmap(`refused${i}`));
    assert.deepEqual([code, body.reason], [503, 'ServiceUnavailable']);
    assert.match(body.message, /^nothing can be written: database or disk is full$/);
  }
  const { code, text } = await call('GET', '/readyz');
  assert.equal(code, 500);
  assert.match(text, /^not ready: nothing can be written: database or disk is full$/);
  assert.equal((await call('GET', '/livez')).code, 200);
  const { body } = await call('GET', configmaps);
  const names = body.items.map(({ metadata }: { metadata: { name: string } }) => metadata.name);
  assert.ok(names.includes('before') && !names.some((name: string) => name.startsWith('refused')));

  disk.isFull = false;
  // Nobody writes: it finds out by itself.
  await eventually(async () => assert.equal((await call('GET', '/readyz')).code, 200));
  assert.equal((await call('POST', configmaps, configmap('after'))).code, 201);
  const { body: after } = await call('GET', configmaps);
  assert.equal(after.items.length, body.items.length + 1);
});

test('a log that has no room for one object more says so when it is asked', () => {
  const log = new Log({ file: undefined, synchronous: 'NORMAL' });
  log.probe();
  assert.deepEqual([...log.rows()], []);
  log.close();
});
