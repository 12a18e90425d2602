// Random histories of a server, told to the cache by a watch that lags and repeats, by lists, and by answers to
// writes that come at any time: at the end the cache equals the server, and on the way it never goes back.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ObjectCache } from '../../../src/kube/cache.ts';
import type { WatchEvent } from '../../../src/kube/client.ts';
import { keyOf } from '../../../src/kube/objects.ts';
import { type Thing, thing } from './fake-server.ts';

function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return state / 2 ** 32;
  };
}

function run(seed: number): void {
  const random = randomFrom(seed);
  const pick = <V>(list: V[]): V => list[Math.floor(random() * list.length)]!;
  const stored = new Map<string, Thing>();
  const history: WatchEvent<Thing>[] = [];
  const answers: Thing[] = [];
  const cache = new ObjectCache<Thing>({ freeze: true });
  cache.addIndex('owner', (object) => [object.spec!.owner!]);
  let revision = 10;
  let told = 0;
  let lives = 0;

  /** Watching the cache from outside: of one uid versions only rise, and nothing comes twice. */
  const versions = new Map<string, number>();
  const mirror = new Map<string, Thing>();
  cache.onChange(({ type, object, old }) => {
    const { uid, resourceVersion } = object.metadata;
    const key = keyOf(object);
    assert.equal(mirror.get(key), old, `seed ${seed}: the old object is what was told before`);
    if (type === 'deleted') mirror.delete(key);
    else {
      assert.ok(Number(resourceVersion) > (versions.get(uid) ?? 0), `seed ${seed}: ${uid} went back`);
      versions.set(uid, Number(resourceVersion));
      mirror.set(key, object);
    }
  });

  function write(): void {
    const name = `n${Math.floor(random() * 4)}`;
    const key = `default/${name}`;
    const old = stored.get(key);
    revision += 1 + Math.floor(random() * 3);
    if (old && random() < 0.35) {
      stored.delete(key);
      history.push({
        type: 'DELETED',
        object: { ...old, metadata: { ...old.metadata, resourceVersion: String(revision) } },
      });
      return;
    }
    const uid = old?.metadata.uid ?? `${name}-${lives++}`;
    const object = thing(name, revision, { uid, spec: { owner: pick(['x', 'y', 'z']) } });
    stored.set(key, object);
    history.push({ type: old ? 'MODIFIED' : 'ADDED', object });
    if (random() < 0.7) answers.push(object);
  }

  const list = () => {
    cache.replaceAll([...stored.values()], String(revision));
    told = history.length;
  };
  list();
  for (let step = 0; step < 120; step++) {
    const action = random();
    if (action < 0.45) write();
    else if (action < 0.7) {
      if (told < history.length) cache.apply(history[told++]!);
    } else if (action < 0.9) {
      if (answers.length > 0) cache.observe(answers.splice(Math.floor(random() * answers.length), 1)[0]!);
    } else if (action < 0.94) list();
    else if (action < 0.97) {
      // A watch that begins again from a little before.
      for (const event of history.slice(Math.max(0, told - 5), told)) cache.apply(event);
    } else if (told === history.length) {
      cache.apply({ type: 'BOOKMARK', object: { metadata: { resourceVersion: String(revision) } } });
    }
  }
  while (told < history.length) cache.apply(history[told++]!);
  for (const late of answers) cache.observe(late);

  const byName = (a: Thing, b: Thing) => a.metadata.name.localeCompare(b.metadata.name);
  assert.deepEqual(cache.list().sort(byName), [...stored.values()].sort(byName), `seed ${seed}`);
  assert.deepEqual([...mirror.values()].sort(byName), cache.list().sort(byName), `seed ${seed}`);
  for (const owner of ['x', 'y', 'z']) {
    const expected = [...stored.values()].filter((object) => object.spec?.owner === owner).length;
    assert.equal(cache.countByIndex('owner', owner), expected, `seed ${seed}`);
    assert.equal(cache.byIndex('owner', owner).length, expected, `seed ${seed}`);
  }
}

test('3,000 random histories end with the cache equal to the server', () => {
  for (let seed = 1; seed <= 3_000; seed++) run(seed);
});
