// The history of the API server goes back: how that is noticed, and what must happen before anything else.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ObjectCache } from '../../src/kube/cache.ts';
import type { Client } from '../../src/kube/client.ts';
import { History, type Rewind } from '../../src/kube/history.ts';
import type { KubeObject } from '../../src/kube/objects.ts';
import { KubeStore } from '../../src/ledger/kube-stores.ts';
import { SimulatedClock, settle } from '../simulated-clock.ts';

const resource = { group: 'test', version: 'v1', kind: 'Thing', plural: 'things', namespaced: true };

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
    const server = { revision: 100, answers: true };
    const resyncs: (() => void)[] = [];
    let wentBack = 0;
    const client = {
      async list() {
        if (!server.answers) throw new Error('no answer');
        return { items: [], metadata: { resourceVersion: String(server.revision) } };
      },
    } as unknown as Client;
    const history = new History({ client, resource, clock });
    for (const [index, cache] of caches.entries()) {
      cache.replaceAll([thing('a', 90)], '100');
      const resync = () => new Promise<void>((resolve) => resyncs.push(resolve));
      history.follow(`kind${index}`, { cache, reflector: { resync, retryNow() {} } });
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
});
