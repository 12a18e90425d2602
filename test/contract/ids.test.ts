// An id that Spikegate allocates belongs to one object: a copy of a manifest gets another, a second call for the same
// request gets the same.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { buyer, goods, order, seller } from '../refusals/scenario.ts';
import type { Manifest } from '../refusals.ts';
import { applyPatch } from './apply-patch.ts';
import { kindOf, type Thing } from './things.ts';
import { at, minute, World } from './world.ts';

const idField: Record<string, string> = {
  SpikeOrder: 'orderId',
  SpikeGoods: 'goodsId',
  Buyer: 'buyerId',
  Seller: 'sellerId',
};
const idIn = (object: Thing | undefined): string => {
  const id = object?.spec[idField[object.kind]!];
  assert.match(String(id), /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  return String(id);
};

async function shop(): Promise<World> {
  const world = new World();
  for (const manifest of [seller(), buyer(), goods()]) await world.create(manifest);
  return world;
}

async function created(world: World, manifest: Manifest): Promise<Thing> {
  const { object, response } = await world.create(manifest);
  assert.ok(object, response.status?.message);
  return object;
}

/** `kubectl get -o json | jq '{apiVersion,kind,metadata,spec}'` */
const copyOf = ({ apiVersion, kind, spec }: Thing, metadata: Manifest['metadata']): Manifest => ({
  apiVersion,
  kind,
  metadata,
  spec: structuredClone(spec),
});

async function filled(world: World, object: object): Promise<Thing> {
  const kind = kindOf((object as Thing).kind);
  const { patch } = await world.mutate({ kind, operation: 'CREATE', object: object as Thing });
  return applyPatch(object as Thing, patch ? JSON.parse(Buffer.from(patch, 'base64').toString()) : []);
}

for (const make of [order, goods, buyer, seller]) {
  const { kind } = make();
  describe(`the id of a ${kind}`, () => {
    it('is not that of the object from which its manifest was copied', async () => {
      await using world = await shop();
      const first = await created(world, make('one'));
      assert.notEqual(idIn(await created(world, copyOf(first, { name: 'two' }))), idIn(first));
    });

    it('is its own, too, where names are generated from the same prefix', async () => {
      await using world = await shop();
      const generateName = 'one-';
      const manifest = { ...make('x'), metadata: { generateName } };
      const first = await created(world, manifest);
      assert.match(first.metadata.name, /^one-[0-9a-f]{10}$/);
      const second = await created(world, copyOf(first, { generateName }));
      assert.notEqual(second.metadata.name, first.metadata.name);
      assert.notEqual(idIn(second), idIn(first));
    });

    it('stays where the webhook is called again for the same request', async () => {
      await using world = await shop();
      for (const metadata of [{ name: 'one' }, { generateName: 'one-' }]) {
        const sent = { ...make('x'), metadata: { ...metadata, namespace: 'default' } };
        const once = await filled(world, sent);
        await world.clock.advance(1000);
        assert.deepEqual(await filled(world, once), once);
      }
    });

    it('is given where a client makes one up', async () => {
      await using world = await shop();
      const madeUp = '00000000-0000-4000-8000-000000000001';
      assert.notEqual(idIn(await created(world, make('one', { [idField[kind]!]: madeUp }))), madeUp);
    });
  });
}

describe('an id', () => {
  it('of goods, a buyer or a seller stays when the object is made again from its own manifest', async () => {
    await using world = await shop();
    for (const make of [goods, buyer, seller]) {
      const first = await created(world, make('one'));
      await world.delete(first.kind, 'one');
      await world.clock.advance(60 * minute);
      if (world.get(first.kind, 'one')) continue;
      assert.equal(idIn(await created(world, copyOf(first, { name: 'one' }))), idIn(first));
    }
  });

  it('of an order is new when the order is made again', async () => {
    await using world = await shop();
    const first = await created(world, order('one'));
    await world.delete('SpikeOrder', 'one');
    await world.clock.advance(minute);
    const again = await created(world, copyOf(first, { name: 'one' }));
    assert.notEqual(idIn(again), idIn(first));
    assert.equal(again.spec.createTime, at(minute));
  });

  it('of another user does not fit an order of the same name', async () => {
    await using world = await shop();
    const sent = { ...order('one'), metadata: { name: 'one', namespace: 'default' } } as unknown as Thing;
    const once = await filled(world, sent);
    const kind = kindOf('SpikeOrder');
    const { patch } = await world.mutate({ kind, operation: 'CREATE', object: once, user: 'somebody-else' });
    assert.ok(patch, 'a new id');
  });
});
