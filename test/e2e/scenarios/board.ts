// The boards of two replicas: one sale seen alike from both, each with its own refusals, and a new leader named.
import assert from 'node:assert/strict';
import type { State } from '../../../src/board/wire.ts';
import { crowd } from '../../../src/demo/crowd.ts';
import { follow, type Stream } from '../../board/world.ts';
import type { Replica } from '../replica.ts';
import { saleManifest } from '../sale.ts';
import { eventually, type World } from '../world.ts';
import { seenEverywhere } from './crowds.ts';
import type { Scenario } from './scenario.ts';

const stock = 40;
const orders = 120;

export const boards: Scenario[] = [{ name: 'the boards of two replicas during a sale', run: board }];

async function board(world: World): Promise<void> {
  await world.serve(2, { board: '' });
  const namespace = await world.namespace();
  const streams = new Map<Replica, Stream>();
  for (const replica of world.replicas) streams.set(replica, await follow({ port: replica.metricsPort }));
  try {
    await world.create(namespace, saleManifest({ stock, price: 1000, spikePrice: 800 }));
    await seenEverywhere(world, namespace);
    const result = await crowd({
      signal: world.scenarioEnds,
      client: world.client,
      namespace,
      clients: 16,
      orders,
      buyer: () => 'buyer1',
      goods: () => ({ goods1: 1 }),
    });
    assert.equal(result.accepted.length, stock);
    await eventually(() => {
      for (const stream of streams.values()) {
        const { left, held, reserved, phase } = row(stream.state(), namespace);
        assert.deepEqual(
          { left, held, reserved, phase },
          { left: 0, held: 0, reserved: stock, phase: 'SoldOut' },
        );
      }
      const refused = [...streams.values()].map((stream) => soldOut(stream.state()));
      assert.equal(refused[0]! + refused[1]!, orders - stock, `refused ${refused}`);
      assert.deepEqual(leaders(streams), ['elsewhere', 'here']);
    });
    await replaceLeader(world, streams);
  } finally {
    for (const stream of streams.values()) stream.close();
  }
}

/** The one that is left says that nobody leads, or names the dead one, until it leads itself. */
async function replaceLeader(world: World, streams: Map<Replica, Stream>): Promise<void> {
  const leader = await world.leader();
  await world.kill(leader);
  streams.delete(leader);
  await eventually(() => assert.deepEqual(leaders(streams), ['here']), 60_000);
}

function row(state: State, namespace: string) {
  const found = state.goods?.rows.find(({ key }) => key === `${namespace}/goods1`);
  assert.ok(found, `no row of ${namespace}`);
  return found;
}

const soldOut = (state: State): number =>
  state.refusals?.rows.find(({ reason }) => reason === 'SoldOut')?.total ?? 0;

const leaders = (streams: Map<Replica, Stream>) =>
  [...streams.values()].map((stream) => stream.state().health?.leader.who).sort();
