// Certificates from mounted files, on a real directory laid out as a kubelet lays out a Secret volume.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, before, beforeEach, describe, it } from 'node:test';
import { issueAuthority, issueLeaf, rsaKey } from '../../../certs/authority.ts';
import { FileSource, type FileSourceOptions } from '../../../certs/file-source.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { hour, type Logged, recordingLogger } from './world.ts';

interface Files {
  cert: string;
  key: string;
}

describe('certificates from mounted files', () => {
  const keys: string[] = [];
  let authority: Files;
  let directory: string;
  let stop: AbortController;
  let lines: Logged[];
  let version = 0;

  before(async () => {
    keys.push(...(await Promise.all([rsaKey(), rsaKey(), rsaKey()])));
    const key = keys[0]!;
    const cert = issueAuthority({ key, now: Date.now(), lifetime: hour, random: randomBytes });
    authority = { cert, key };
  });
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'certs-'));
    stop = new AbortController();
    lines = [];
  });
  afterEach(async () => {
    stop.abort();
    await rm(directory, { recursive: true });
  });

  function pair(key = keys[1]!, lifetime = hour, now = Date.now()): Files {
    const names = ['spikegate.shop.svc'];
    return { key, cert: issueLeaf({ key, now, lifetime, random: randomBytes, names, authority }) };
  }

  /** As a kubelet does: a new folder, then the link `..data` turned to it in one rename. */
  async function mount(files: Files, folder = directory): Promise<void> {
    const target = `..version_${version++}`;
    await mkdir(join(folder, target));
    await writeFile(join(folder, target, 'tls.crt'), files.cert);
    await writeFile(join(folder, target, 'tls.key'), files.key);
    await symlink(target, join(folder, '..data_tmp'));
    await rename(join(folder, '..data_tmp'), join(folder, '..data'));
    for (const name of ['tls.crt', 'tls.key']) {
      await symlink(join('..data', name), join(folder, name)).catch(() => {});
    }
  }

  function open(more: Partial<FileSourceOptions> = {}): FileSource {
    const logger = recordingLogger(lines);
    return new FileSource({ directory, clock: systemClock, logger, debounce: 5, pollEvery: 20, ...more });
  }

  async function until(what: string, condition: () => boolean): Promise<void> {
    for (let waited = 0; !condition(); waited += 5) {
      assert.ok(waited < 3000, `${what} within 3 s; log: ${JSON.stringify(lines)}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  const problems = () => lines.filter((line) => line.level === 'error').map((line) => line.message);

  it('are there after start, without a bundle of ours', async () => {
    const files = pair();
    await mount(files);
    const source = open();
    await source.start(stop.signal);
    assert.equal(source.current()?.cert, files.cert);
    assert.equal(source.caBundle(), undefined);
    assert.equal(source.expiry(), source.current()!.notAfter.getTime() / 1000);
    assert.deepEqual(problems(), []);
  });

  for (const [how, options] of [
    ['watching alone', { pollEvery: hour }],
    ['polling alone', { debounce: hour }],
  ] as const) {
    it(`are reloaded when the volume turns, by ${how}, never mixed`, async () => {
      await mount(pair());
      const source = open(options);
      await source.start(stop.signal);
      let heard = 0;
      source.onChange(() => heard++);
      for (const key of [keys[2]!, keys[1]!, keys[1]!]) {
        const next = pair(key);
        await mount(next);
        await until('the new pair', () => source.current()?.cert === next.cert);
        assert.equal(source.current()?.key, key);
      }
      assert.equal(heard, 3);
      assert.deepEqual(problems(), []);
    });
  }

  it('are read both from the folder behind `..data`, whatever the links to it show', async () => {
    const files = pair();
    await mount(files);
    // A turn between two reads cannot be timed; a link that lags behind looks the same to a reader.
    await rm(join(directory, 'tls.key'));
    await writeFile(join(directory, 'tls.key'), keys[2]!);
    const source = open();
    source.start(stop.signal).catch(() => {});
    await until('the pair', () => source.current()?.key === files.key);
    assert.deepEqual(problems(), []);
  });

  it('are waited for when they are not there yet', async () => {
    await rm(directory, { recursive: true });
    const source = open();
    const started = source.start(stop.signal);
    await until('a word about it', () => problems().length === 1);
    assert.match(problems()[0]!, /there is none to serve yet: ENOENT/);
    await mkdir(directory);
    await mount(pair());
    await started;
    assert.ok(source.current());
  });

  it('give way to an abort while they are waited for', async () => {
    const started = open().start(stop.signal);
    stop.abort();
    await assert.rejects(started, { name: 'AbortError' });
  });

  const faults: [string, () => Partial<Files>, RegExp][] = [
    ['certificate half written', () => ({ cert: pair().cert.slice(0, 400) }), /tls\.crt must be a PEM/],
    ['certificate empty', () => ({ cert: '' }), /tls\.crt must be a PEM/],
    ['key half written', () => ({ key: keys[1]!.slice(0, 400) }), /tls\.key must be an unencrypted PEM/],
    ['key of another certificate', () => ({ key: keys[2]! }), /they do not match/],
    ['certificate of another key', () => ({ cert: pair(keys[2]).cert }), /they do not match/],
    ['expired', () => ({ cert: pair(keys[1], 10_000, Date.now() - hour).cert }), /tls\.crt expired at/],
    ['not begun', () => ({ cert: pair(keys[1], hour / 2, Date.now() + hour / 4).cert }), /begins at/],
  ];
  for (const [what, fault, message] of faults) {
    it(`stay the previous ones when the new are ${what}, and change when they are mended`, async () => {
      const first = pair();
      await mount(first);
      const source = open();
      await source.start(stop.signal);
      await mount({ ...first, ...fault() });
      await until('the fault reported', () => problems().length > 0);
      // Some polls later: reported once, the pair untouched.
      await new Promise((resolve) => setTimeout(resolve, 100));
      assert.equal(problems().length, 1);
      assert.match(problems()[0]!, message);
      assert.match(problems()[0]!, /the previous pair stays in service/);
      assert.equal(source.current()?.cert, first.cert);
      assert.equal(source.current()?.key, first.key);
      const mended = pair(keys[2]);
      await mount(mended);
      await until('the mended pair', () => source.current()?.cert === mended.cert);
    });
  }

  it('may be plain files written one after the other', async () => {
    const first = pair();
    await writeFile(join(directory, 'tls.crt'), first.cert);
    await writeFile(join(directory, 'tls.key'), first.key);
    const source = open();
    await source.start(stop.signal);
    const next = pair(keys[2]);
    await writeFile(join(directory, 'tls.crt'), next.cert);
    await until('the mismatch noticed', () => problems().length === 1);
    assert.equal(source.current()?.cert, first.cert);
    await writeFile(join(directory, 'tls.key'), next.key);
    await until('the new pair', () => source.current()?.cert === next.cert);
  });

  it('stay in service when the files vanish', async () => {
    const first = pair();
    await mount(first);
    const source = open();
    await source.start(stop.signal);
    await rm(join(directory, '..data'));
    await until('a word about it', () => problems().length === 1);
    assert.equal(source.current()?.cert, first.cert);
  });
});
