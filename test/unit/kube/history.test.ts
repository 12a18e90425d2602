// The history of the API server goes back: how that is noticed, and what must happen before anything else.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ObjectCache } from '../../../src/kube/cache.ts';
import type { Client, ListOptions } from '../../../src/kube/client.ts';
import { ApiError } from '../../../src/kube/errors.ts';
import { History } from '../../../src/kube/history.ts';
import type { KubeObject } from '../../../src/kube/objects.ts';
import type { Rewind } from '../../../src/kube/rewind.ts';
import { KubeStore } from '../../../src/ledger/kube-stores.ts';
import { SimulatedClock, settle } from '../../simulated-clock.ts';

const resource = { group: 'test', version: 'v1', kind: 'Thing', plural: 'things', namespaced: true };

const compacted = new ApiError(410, { reason: 'Expired', message: 'The resourceVersion is too old.' });

const thing = (name: string, version: number, uid = name): KubeObject => ({
  apiVersion: 'test/v1',
  kind: 'Thing',
  metadata: {
    name,
    namespace: 'default',
    uid,
    resourceVersion: String(version),
    creationTimestamp: '2026-01-01T00:00:00Z',
  },
});

describe('a list', () => {
  function listed() {
    const cache = new ObjectCache<KubeObject>();
    const rewinds: (Rewind | undefined)[] = [];
    cache.onRewind((rewind) => rewinds.push(rewind));
    cache.replaceAll([thing('a', 5), thing('b', 6)], '10');
    const held = () => cache.list().map(({ metadata }) => `${metadata.name}@${metadata.resourceVersion}`);
    return { cache, rewinds, held };
  }

  it('that is older than what was seen before it was asked for replaces all of it', () => {
    const { cache, rewinds, held } = listed();
    cache.observe(thing('a', 25));
    cache.apply({ type: 'ADDED', object: thing('c', 26) });
    cache.apply({ type: 'DELETED', object: thing('b', 27) });
    cache.replaceAll([thing('a', 5), thing('b', 6)], '12', cache.newest);
    assert.deepEqual(held(), ['a@5', 'b@6']);
    assert.equal(rewinds.length, 1);
    const [rewind] = rewinds as [Rewind];
    assert.deepEqual([rewind.from, rewind.to], [27, 12]);
    const names = (objects: readonly KubeObject[]) => objects.map(({ metadata }) => metadata.name);
    assert.deepEqual(names(rewind.lost), ['c']);
    assert.deepEqual(names(rewind.older), ['a']);
    assert.deepEqual(names(rewind.returned), ['b']);
    assert.equal(cache.newest, 12);
  });

  it('is newer than our own write only seems older: the write was answered after the list was asked for', () => {
    const { cache, rewinds, held } = listed();
    const asked = cache.newest;
    cache.observe(thing('a', 25));
    cache.replaceAll([thing('a', 5), thing('b', 6)], '12', asked);
    assert.deepEqual(held(), ['a@25', 'b@6']);
    assert.deepEqual(rewinds, []);
  });

  it('of a raised revision is followed back, too: it has older versions than were seen, and deleted objects', () => {
    const { cache, rewinds, held } = listed();
    cache.observe(thing('a', 25));
    cache.apply({ type: 'DELETED', object: thing('b', 27) });
    cache.replaceAll([thing('a', 5), thing('b', 6)], '1000012', cache.newest);
    assert.deepEqual(held(), ['a@5', 'b@6']);
    assert.equal(rewinds.length, 1);
    cache.apply({ type: 'MODIFIED', object: thing('b', 1000013) });
    assert.deepEqual(held(), ['a@5', 'b@1000013']);
  });

  it('is told of before the changes are', () => {
    const { cache } = listed();
    const order: string[] = [];
    cache.onChange(() => order.push('change'));
    cache.onRewind(() => order.push('rewind'));
    cache.replaceAll([thing('a', 5)], '7', cache.newest);
    assert.deepEqual(order, ['rewind', 'change']);
  });
});

describe('an answer', () => {
  function answering(answer: KubeObject) {
    const cache = new ObjectCache<KubeObject>();
    let contradictions = 0;
    cache.onRewind(() => contradictions++);
    cache.replaceAll([thing('a', 20)], '30');
    const client = { get: async () => answer, replace: async () => answer } as unknown as Client;
    return { store: new KubeStore(client, resource, cache), contradictions: () => contradictions };
  }

  it('to a read that is older than what was known before it shows that history went back', async () => {
    const older = answering(thing('a', 5));
    await older.store.read('default/a');
    assert.equal(older.contradictions(), 1);
    for (const answer of [thing('a', 20), thing('a', 40), thing('a', 5, 'another')]) {
      const same = answering(answer);
      await same.store.read('default/a');
      assert.equal(same.contradictions(), 0);
    }
  });

  it('to a write whose revision was given before shows it, unless the write changed nothing', async () => {
    const older = answering(thing('a', 25));
    await older.store.writeStatus(thing('a', 20));
    assert.equal(older.contradictions(), 1);
    for (const answer of [thing('a', 20), thing('a', 31)]) {
      const same = answering(answer);
      await same.store.writeStatus(thing('a', 20));
      assert.equal(same.contradictions(), 0);
    }
  });
});

describe('the history', () => {
  function setUp() {
    const clock = new SimulatedClock();
    const caches = [new ObjectCache<KubeObject>(), new ObjectCache<KubeObject>()];
    const server = {
      ...{ revision: 100, answers: true, compacted: 0 },
      /** The object as it was at the revision that is asked for, and as it is now. */
      past: thing('a', 90) as KubeObject | undefined,
      now: thing('a', 90) as KubeObject | undefined,
    };
    const resyncs: (() => void)[] = [];
    let wentBack = 0;
    const client = {
      async list(_: unknown, { resourceVersion, fieldSelector }: ListOptions = {}) {
        if (!server.answers) throw new Error('no answer');
        if (resourceVersion && Number(resourceVersion) < server.compacted) throw compacted;
        const stored = resourceVersion ? server.past : server.now;
        const items = fieldSelector === 'metadata.name=a' && stored ? [stored] : [];
        return { items, metadata: { resourceVersion: String(server.revision) } };
      },
    } as unknown as Client;
    const history = new History({ client, resource, clock });
    for (const [index, cache] of caches.entries()) {
      cache.replaceAll([thing('a', 90)], '100');
      const resync = () => new Promise<void>((resolve) => resyncs.push(resolve));
      history.follow(`kind${index}`, { cache, reflector: { resource, resync, retryNow() {} } });
    }
    history.onWentBack(() => wentBack++);
    const stop = new AbortController();
    void history.start(stop.signal);
    return { clock, caches, server, history, resyncs, stop, wentBack: () => wentBack };
  }

  it('is certain while looks find nothing older', async () => {
    const { clock, history, stop, wentBack } = setUp();
    await clock.advance(10_000);
    assert.ok(history.isCertain);
    assert.equal(wentBack(), 0);
    stop.abort();
    await settle();
    assert.equal(clock.pending, 0);
  });

  it('is found to have gone back by a look, a few seconds later, and every cache is listed anew', async () => {
    const { clock, server, history, resyncs, wentBack } = setUp();
    await clock.advance(1000);
    server.revision = 80;
    await clock.advance(3000);
    assert.equal(history.isCertain, false);
    assert.ok(wentBack() >= 1);
    assert.equal(resyncs.length, 2);
    for (const resolve of resyncs) resolve();
    await settle();
    assert.equal(history.isCertain, true);
  });

  it('is doubtful from a broken watch until a look has found nothing older', async () => {
    const { clock, server, history, wentBack } = setUp();
    await clock.advance(1000);
    server.answers = false;
    history.doubt();
    assert.equal(history.isCertain, false);
    await clock.advance(60_000);
    assert.equal(history.isCertain, false);
    server.answers = true;
    await clock.advance(200);
    assert.equal(history.isCertain, true);
    assert.equal(wentBack(), 0);
  });

  it('is found to have gone back though others have written more since than the backup lacks', async () => {
    const changes: [string, KubeObject | undefined, (cache: ObjectCache<KubeObject>) => void][] = [
      ['an older version', thing('a', 90), (cache) => cache.observe(thing('a', 120))],
      ['another version', { ...thing('a', 120), kind: 'Other' }, (cache) => cache.observe(thing('a', 120))],
      ['none', undefined, (cache) => cache.observe(thing('a', 120))],
      [
        'the deleted one',
        thing('a', 90),
        (cache) => cache.apply({ type: 'DELETED', object: thing('a', 120) }),
      ],
    ];
    for (const [what, then, change] of changes) {
      const { clock, caches, server, history, resyncs, wentBack } = setUp();
      change(caches[1]!);
      Object.assign(server, { revision: 500, past: then });
      history.doubt();
      await clock.advance(200);
      assert.equal(history.isCertain, false, what);
      assert.equal(wentBack(), 1, what);
      assert.equal(resyncs.length, 2, what);
    }
  });

  it('has the last change that was seen, and goes on', async () => {
    const deletion = (cache: ObjectCache<KubeObject>) =>
      cache.apply({ type: 'DELETED', object: thing('a', 120) });
    const changes: [KubeObject | undefined, (cache: ObjectCache<KubeObject>) => void][] = [
      [thing('a', 120), (cache) => cache.observe(thing('a', 120))],
      [undefined, deletion],
      [thing('a', 130, 'another'), deletion],
    ];
    for (const [then, change] of changes) {
      const { clock, caches, server, history, wentBack } = setUp();
      change(caches[0]!);
      Object.assign(server, { revision: 500, past: then });
      history.doubt();
      await clock.advance(200);
      assert.equal(history.isCertain, true);
      assert.equal(wentBack(), 0);
    }
  });

  it('is judged by what is stored now where the revision of the last change is compacted', async () => {
    const cases: ['same' | 'back' | 'nobody knows', KubeObject | undefined][] = [
      ['same', thing('a', 90)],
      ['back', thing('a', 80)],
      ['nobody knows', thing('a', 95)],
      ['nobody knows', undefined],
    ];
    for (const [verdict, now] of cases) {
      const { clock, server, history, resyncs, wentBack } = setUp();
      Object.assign(server, { revision: 500, compacted: 400, now });
      history.doubt();
      await clock.advance(200);
      assert.equal(history.isCertain, verdict === 'same');
      assert.equal(wentBack(), verdict === 'back' ? 1 : 0);
      // A list tells where nobody knows.
      assert.equal(resyncs.length, verdict === 'same' ? 0 : 2);
    }
  });
});

describe('a cache that must not trust what it has', () => {
  it('takes the next list as it is, whatever its revision, also a version of the same revision', () => {
    const cache = new ObjectCache<KubeObject>();
    const rewinds: (Rewind | undefined)[] = [];
    cache.onRewind((rewind) => rewinds.push(rewind));
    cache.replaceAll([thing('a', 5), thing('b', 6), thing('c', 7)], '10');
    const other = { ...thing('a', 5), status: { of: 'another history' } };
    cache.distrust();
    cache.replaceAll([other, thing('c', 7)], '900', cache.newest);
    assert.deepEqual(cache.list(), [other, thing('c', 7)]);
    assert.equal(rewinds.length, 1);
    assert.deepEqual(
      rewinds[0]!.lost.map(({ metadata }) => metadata.name),
      ['b'],
    );
    cache.replaceAll([other, thing('c', 7)], '901', cache.newest);
    assert.equal(rewinds.length, 1, 'the list after that is one like any other');
  });
});
