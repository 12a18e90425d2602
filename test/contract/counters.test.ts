// The counters of goods are Spikegate's: whoever else writes them would sell units twice.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { buyer, goods, order } from '../refusals/scenario.ts';
import { World } from './world.ts';

const self = 'system:serviceaccount:spikegate-system:spikegate';

async function sale(name: string | undefined): Promise<World> {
  const world = new World();
  world.context.self = () => name;
  for (const manifest of [buyer(), goods(), order()]) await world.create(manifest);
  return world;
}

describe('a write of the counters of goods', () => {
  it('by anybody but Spikegate is refused, with the field', async () => {
    await using world = await sale(self);
    for (const [status, field] of [
      [{ num: 1 }, 'status.num'],
      [{ reserved: 1 }, 'status.reserved'],
      [{ holds: [] }, 'status.holds'],
      [{ ledgerEpoch: 2 ** 40 }, 'status.ledgerEpoch'],
    ] as const) {
      const { response } = await world.patchStatus('SpikeGoods', 'goods1', status, { user: 'ann' });
      assert.equal(response.allowed, false, field);
      assert.equal(response.status?.reason, 'Immutable');
      assert.equal(response.status?.message, `${field} is written by Spikegate only (${self})`);
      assert.equal(response.status?.details?.causes?.[0]?.field, field);
    }
  });

  it('by Spikegate passes, and by others what leaves them as they are', async () => {
    await using world = await sale(self);
    const ours = await world.patchStatus('SpikeGoods', 'goods1', { num: 1, holds: [] }, { user: self });
    assert.equal(ours.response.allowed, true);
    const theirs = await world.patchStatus('SpikeGoods', 'goods1', { phase: 'Ended' }, { user: 'ann' });
    assert.equal(theirs.response.allowed, true);
  });

  it('passes while this process does not know who it is', async () => {
    await using world = await sale(undefined);
    const { response } = await world.patchStatus('SpikeGoods', 'goods1', { num: 1 }, { user: 'ann' });
    assert.equal(response.allowed, true);
  });
});
