// Turns: after a lost race the one who has written waits for the other, but never for long.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Turns } from '../../../src/ledger/turns.ts';
import { SimulatedClock } from '../../simulated-clock.ts';

function setUp() {
  const clock = new SimulatedClock();
  const turns = new Turns(clock);
  let known = '1';
  /** Milliseconds that a turn lasts; the other writes after `otherAfter`. */
  const turn = async (ms: number, changes: number, otherAfter = Number.POSITIVE_INFINITY) => {
    turns.wrote(known, ms, changes);
    const began = clock.monotonic();
    let ended: number | undefined;
    void turns
      .give(() => known)
      .then(() => {
        ended = clock.monotonic() - began;
      });
    for (let waited = 0; waited <= 200 && ended === undefined; waited++) {
      await clock.advance(waited === 0 ? 0 : 1);
      if (waited === otherAfter) known = String(Number(known) + 1);
    }
    return ended;
  };
  return { turns, turn };
}

describe('turns', () => {
  it('are given to nobody while no race is lost', async () => {
    const { turn } = setUp();
    assert.equal(await turn(20, 5), 0);
  });

  it('end with the write of the other, or after three of ours, or after 100 ms', async () => {
    const { turns, turn } = setUp();
    turns.lost();
    const seen = await turn(20, 5, 10);
    assert.ok(seen! >= 10 && seen! <= 14, `${seen}`);
    const alone = await turn(20, 5);
    assert.ok(alone! >= 60 && alone! <= 64, `${alone}`);
    const slow = await turn(500, 5);
    assert.ok(slow! >= 100 && slow! <= 104, `${slow}`);
  });

  it('are not given by a write of one change', async () => {
    const { turns, turn } = setUp();
    turns.lost();
    assert.equal(await turn(20, 1), 0);
  });

  it('are eight for a lost race', async () => {
    const { turns, turn } = setUp();
    turns.lost();
    const waits: boolean[] = [];
    for (let i = 0; i < 10; i++) waits.push((await turn(10, 2))! > 0);
    assert.equal(waits.filter(Boolean).length, 8);
    assert.deepEqual(waits.slice(8), [false, false]);
  });
});
