// The cache holds what the server stores, whichever of watch, list and our own writes tells it first.

import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { type Change, ObjectCache } from '../../../src/kube/cache.ts';
import { type Thing, thing } from './fake-server.ts';

let cache: ObjectCache<Thing>;
let changes: string[];

beforeEach(() => {
  cache = new ObjectCache<Thing>({ freeze: true });
  cache.addIndex('owner', (object) => (object.spec?.owner ? [object.spec.owner] : []));
  changes = [];
  cache.onChange((change) => changes.push(told(change)));
});

function told({ type, object, old, source }: Change<Thing>): string {
  const { name, resourceVersion } = object.metadata;
  return `${source}: ${type} ${name}@${resourceVersion}${old ? ` was ${old.metadata.resourceVersion}` : ''}`;
}

const held = () =>
  cache
    .list()
    .map(({ metadata }) => `${metadata.name}@${metadata.resourceVersion}`)
    .sort();

describe('what it holds', () => {
  test('follows a list and the events after it', async () => {
    assert.equal(cache.isSynced, false);
    cache.replaceAll([thing('a', 1), thing('b', 2)], '5');
    await cache.synced;
    cache.apply({ type: 'ADDED', object: thing('c', 6) });
    cache.apply({ type: 'MODIFIED', object: thing('a', 7) });
    cache.apply({ type: 'DELETED', object: thing('b', 8) });
    cache.apply({ type: 'BOOKMARK', object: { metadata: { resourceVersion: '20' } } });
    assert.deepEqual(held(), ['a@7', 'c@6']);
    assert.equal(cache.getByUid('uid-b'), undefined);
    assert.equal(cache.get('default/c'), cache.getByUid('uid-c'));
    assert.equal(cache.frontier, 20);
    assert.deepEqual(changes, [
      'list: added a@1',
      'list: added b@2',
      'watch: added c@6',
      'watch: updated a@7 was 1',
      'watch: deleted b@8 was 2',
    ]);
  });

  test('is the newer version, whoever brings it', () => {
    cache.replaceAll([thing('a', 1)], '5');
    assert.equal(cache.observe(thing('a', 9)), true);
    assert.equal(cache.observe(thing('a', 9)), false, 'the same again is no news');
    cache.apply({ type: 'MODIFIED', object: thing('a', 7) });
    cache.apply({ type: 'MODIFIED', object: thing('a', 9) });
    assert.deepEqual(held(), ['a@9']);
    assert.deepEqual(changes, ['list: added a@1', 'observe: updated a@9 was 1']);
  });

  test('compares resourceVersions as numbers', () => {
    cache.replaceAll([thing('a', 9)], '9');
    cache.apply({ type: 'MODIFIED', object: thing('a', 10) });
    assert.deepEqual(held(), ['a@10']);
  });

  test('is without managedFields, and the caller keeps its object as it was', () => {
    const object = thing('a', 1);
    object.metadata.managedFields = [{ manager: 'kubectl' }];
    object.metadata.annotations = { 'kubectl.kubernetes.io/last-applied-configuration': '{}' };
    cache.replaceAll([object], '1');
    const { metadata } = cache.get('default/a')!;
    assert.deepEqual(Object.keys(metadata).includes('managedFields'), false);
    assert.ok(metadata.annotations);
    assert.ok(object.metadata.managedFields);
  });
});

describe('our own write', () => {
  test('is seen at once, and the event about it changes nothing', () => {
    cache.replaceAll([], '5');
    assert.equal(cache.observe(thing('a', 6)), true);
    assert.deepEqual(held(), ['a@6']);
    cache.apply({ type: 'ADDED', object: thing('a', 6) });
    assert.deepEqual(changes, ['observe: added a@6']);
  });

  test('survives a list that was made before it', () => {
    cache.replaceAll([thing('a', 1)], '5');
    cache.observe(thing('a', 9));
    cache.observe(thing('b', 8));
    cache.replaceAll([thing('a', 1)], '7');
    assert.deepEqual(held(), ['a@9', 'b@8']);
    cache.replaceAll([thing('a', 9)], '12');
    assert.deepEqual(held(), ['a@9'], 'and goes with one that was made after it');
  });

  test('told late of an object that was deleted does not bring it back', () => {
    cache.replaceAll([], '5');
    cache.apply({ type: 'ADDED', object: thing('a', 6) });
    cache.apply({ type: 'DELETED', object: thing('a', 8) });
    assert.equal(cache.observe(thing('a', 7)), false);
    cache.replaceAll([], '20');
    assert.equal(cache.observe(thing('never-listed', 15)), false, 'created and deleted between two lists');
    assert.deepEqual(held(), []);
  });

  test('of a name that was used before replaces the older object', () => {
    cache.replaceAll([thing('a', 1, { uid: 'first', spec: { owner: 'x' } })], '5');
    cache.observe(thing('a', 9, { uid: 'second', spec: { owner: 'y' } }));
    assert.deepEqual(changes.slice(1), ['observe: deleted a@1 was 1', 'observe: added a@9']);
    assert.equal(cache.getByUid('first'), undefined);
    assert.equal(cache.countByIndex('owner', 'x'), 0);
    cache.apply({ type: 'MODIFIED', object: thing('a', 6, { uid: 'first' }) });
    cache.apply({ type: 'DELETED', object: thing('a', 7, { uid: 'first' }) });
    assert.deepEqual(held(), ['a@9']);
    assert.equal(cache.get('default/a')!.metadata.uid, 'second');
  });
});

describe('events', () => {
  test('that come twice, after the deletion, change nothing', () => {
    cache.replaceAll([], '5');
    cache.apply({ type: 'ADDED', object: thing('a', 6) });
    cache.apply({ type: 'DELETED', object: thing('a', 8) });
    cache.apply({ type: 'ADDED', object: thing('a', 6) });
    cache.apply({ type: 'MODIFIED', object: thing('a', 7) });
    cache.apply({ type: 'DELETED', object: thing('a', 8) });
    cache.apply({ type: 'DELETED', object: thing('never-seen', 9) });
    cache.apply({ type: 'ADDED', object: thing('never-seen', 8) });
    assert.deepEqual(held(), []);
    assert.equal(changes.length, 2);
  });

  test('of a deletion do not touch a version from after it', () => {
    // An object that left the selection of a label selector and came back.
    cache.replaceAll([thing('a', 1)], '5');
    cache.observe(thing('a', 9));
    cache.apply({ type: 'DELETED', object: thing('a', 7) });
    assert.deepEqual(held(), ['a@9']);
    cache.apply({ type: 'DELETED', object: thing('a', 10) });
    cache.apply({ type: 'ADDED', object: thing('a', 12) });
    assert.deepEqual(held(), ['a@12']);
  });

  test('of two lives of a name end with the last one', () => {
    cache.replaceAll([thing('a', 1, { uid: 'first' })], '5');
    cache.apply({ type: 'ADDED', object: thing('a', 7, { uid: 'second' }) });
    assert.equal(cache.get('default/a')!.metadata.uid, 'second');
    assert.equal(cache.size, 1);
  });
});

describe('a list', () => {
  test('takes out what is missing', () => {
    cache.replaceAll([thing('a', 1), thing('b', 2)], '5');
    cache.replaceAll([thing('b', 2)], '9');
    assert.deepEqual(held(), ['b@2']);
    assert.deepEqual(changes.slice(2), ['list: deleted a@1 was 1']);
  });

  test('is seen by handlers only when all of it is in', () => {
    const sizes: number[] = [];
    cache.onChange(() => sizes.push(cache.countByIndex('owner', 'x')));
    cache.replaceAll(
      [1, 2, 3].map((n) => thing(`t${n}`, n, { spec: { owner: 'x' } })),
      '5',
    );
    assert.deepEqual(sizes, [3, 3, 3]);
  });

  test('from before what was seen means that history was rewound: it is the truth', () => {
    cache.replaceAll([thing('a', 3)], '50');
    cache.apply({ type: 'MODIFIED', object: thing('a', 60) });
    cache.apply({ type: 'ADDED', object: thing('b', 61) });
    cache.apply({ type: 'DELETED', object: thing('c', 62) });
    cache.replaceAll([thing('a', 3), thing('c', 4)], '40');
    assert.deepEqual(held(), ['a@3', 'c@4']);
    cache.apply({ type: 'MODIFIED', object: thing('a', 41) });
    assert.deepEqual(held(), ['a@41', 'c@4']);
  });
});

describe('indexes', () => {
  const owners = (owner: string) =>
    cache
      .byIndex('owner', owner)
      .map((object) => object.metadata.name)
      .sort();

  test('follow every change', () => {
    cache.replaceAll([thing('a', 1, { spec: { owner: 'x' } }), thing('b', 2, { spec: { owner: 'x' } })], '5');
    assert.deepEqual(owners('x'), ['a', 'b']);
    cache.apply({ type: 'MODIFIED', object: thing('a', 6, { spec: { owner: 'y' } }) });
    assert.deepEqual([owners('x'), owners('y')], [['b'], ['a']]);
    cache.apply({ type: 'MODIFIED', object: thing('b', 7, { spec: { owner: 'x', note: 'other' } }) });
    assert.equal(cache.byIndex('owner', 'x')[0]!.metadata.resourceVersion, '7');
    cache.apply({ type: 'DELETED', object: thing('b', 8) });
    assert.equal(cache.countByIndex('owner', 'x'), 0);
    assert.deepEqual([...cache.indexValues('owner')], ['y']);
  });

  test('added later cover what is there', () => {
    cache.replaceAll([thing('a', 1), thing('b', 1)], '5');
    cache.addIndex('first letter', (object) => [object.metadata.name[0]!, 'any']);
    assert.equal(cache.countByIndex('first letter', 'any'), 2);
    assert.deepEqual([...cache.keysByIndex('first letter', 'b')], ['default/b']);
    assert.throws(() => cache.byIndex('unknown', 'x'), /no index "unknown"/);
  });

  test('whose function fails on one object go on with the others', () => {
    const errors: unknown[] = [];
    const lenient = new ObjectCache<Thing>({ onHandlerError: (error) => errors.push(error) });
    lenient.addIndex('owner', (object) => [object.spec!.owner!]);
    lenient.replaceAll([thing('bad', 1), thing('good', 2, { spec: { owner: 'x' } })], '5');
    assert.equal(lenient.size, 2);
    assert.equal(lenient.countByIndex('owner', 'x'), 1);
    assert.equal(errors.length, 1);
  });
});

describe('handlers', () => {
  test('that fail do not keep the others from being called', () => {
    const errors: unknown[] = [];
    const lenient = new ObjectCache<Thing>({ onHandlerError: (error) => errors.push(error) });
    const seen: string[] = [];
    lenient.onChange(() => {
      throw new Error('boom');
    });
    const off = lenient.onChange((change) => seen.push(told(change)));
    lenient.replaceAll([thing('a', 1)], '5');
    off();
    lenient.apply({ type: 'ADDED', object: thing('b', 6) });
    assert.deepEqual(seen, ['list: added a@1']);
    assert.equal(errors.length, 2);
  });

  test('see changes in one order, also those that a handler makes', () => {
    const order: string[] = [];
    cache.onChange(({ object }) => {
      if (object.metadata.name === 'a') cache.observe(thing('from-handler', 9));
    });
    cache.onChange(({ object }) => order.push(object.metadata.name));
    cache.apply({ type: 'ADDED', object: thing('a', 6) });
    assert.deepEqual(order, ['a', 'from-handler']);
  });
});

describe('a cache of some namespaces', () => {
  const there = (name: string, version: number, namespace: string): Thing => {
    const object = thing(name, version);
    return { ...object, metadata: { ...object.metadata, namespace, uid: `uid-${namespace}-${name}` } };
  };
  const shared = () => {
    const shares = new ObjectCache<Thing>({ freeze: true, namespaces: ['a', 'b'] });
    return { shares, a: shares.feedOf('a'), b: shares.feedOf('b') };
  };
  const namesIn = (of: ObjectCache<Thing>) => [...of.keys()].sort();

  test('is synced when every namespace is', async () => {
    const { shares, a, b } = shared();
    a.replaceAll([there('x', 1, 'a')], '5');
    assert.deepEqual([a.isSynced, b.isSynced, shares.isSynced], [true, false, false]);
    b.replaceAll([], '6');
    await shares.synced;
    assert.equal(shares.isSynced, true);
    assert.equal(shares.frontier, 5);
  });

  test('loses by a list only what was in its namespace', () => {
    const { shares, a, b } = shared();
    a.replaceAll([there('x', 1, 'a'), there('y', 2, 'a')], '5');
    b.replaceAll([there('x', 3, 'b')], '5');
    a.replaceAll([there('y', 2, 'a')], '8');
    assert.deepEqual(namesIn(shares), ['a/y', 'b/x']);
  });

  test('judges our own writes by how far their namespace is followed', () => {
    const { shares, a, b } = shared();
    a.replaceAll([], '5');
    b.replaceAll([], '5');
    a.apply({ type: 'BOOKMARK', object: { metadata: { resourceVersion: '20' } } });
    assert.equal(shares.observe(there('gone', 10, 'a')), false, 'it was deleted before 20');
    assert.equal(shares.observe(there('new', 10, 'b')), true, 'the watch of b has not come so far');
    assert.equal(shares.observe(there('x', 30, 'c')), false, 'nothing follows c');
  });

  test('follows each namespace back when the history went back', () => {
    const { shares, a, b } = shared();
    a.replaceAll([there('x', 40, 'a')], '50');
    b.replaceAll([], '20');
    assert.equal(shares.observe(there('lost', 60, 'b')), true);
    const rewinds: unknown[] = [];
    shares.onRewind((rewind) => rewinds.push(rewind));
    a.replaceAll([], '30', a.newest);
    assert.equal(shares.newest, 60, 'b is not followed back yet');
    b.replaceAll([], '31', b.newest);
    assert.deepEqual(namesIn(shares), []);
    assert.equal(rewinds.length, 2);
    assert.equal(shares.newest, 31);
  });

  test('counts an object without a namespace by its name', () => {
    const { shares, a, b } = shared();
    const named = (name: string): Thing => {
      const { namespace: _, ...metadata } = thing(name, 1).metadata;
      return { ...thing(name, 1), metadata };
    };
    a.replaceAll([named('a')], '5');
    b.replaceAll([named('b')], '5');
    a.replaceAll([], '6');
    assert.deepEqual(
      shares.list().map(({ metadata }) => metadata.name),
      ['b'],
    );
  });

  test('is empty once nothing is followed', () => {
    const { shares, a, b } = shared();
    a.replaceAll([there('x', 1, 'a')], '5');
    b.replaceAll([there('x', 3, 'b')], '9');
    shares.empty();
    assert.equal(shares.size, 0);
  });
});
