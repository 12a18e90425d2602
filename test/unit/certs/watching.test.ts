// Certificates that are followed by watches: nothing is read while nothing happens, what happens is seen at once, and
// what the watches fail to tell is found all the same.

import '../../unfollowed.ts';

import assert from 'node:assert/strict';
import { afterEach, before, beforeEach, describe, it } from 'node:test';
import type { KeyMaker } from '../../../certs/authority.ts';
import { day, dealtKeys, hour, minute, World } from './world.ts';

const settings = {
  authorityLifetime: 90 * day,
  leafLifetime: 9 * day,
  overlap: 12 * hour,
  checkEvery: minute,
  readEvery: 6 * hour,
};
const watchLag = 500;

describe('certificates followed by watches', () => {
  let newKey: KeyMaker;
  let world: World;
  before(async () => {
    newKey = await dealtKeys();
  });
  beforeEach(async () => {
    world = new World({ newKey, settings, watchLag });
    const replicas = [world.start(), world.start(), world.start()];
    await world.pass(minute);
    await Promise.all(replicas.map(({ started }) => started));
    world.calls.length = 0;
  });
  afterEach(() => world.stop());

  const serials = () => [...world.replicas].map(({ source }) => source.current()?.serial);

  it('are not read while nothing changes, for hours', async () => {
    await world.pass(5 * hour, minute);
    assert.deepEqual(world.calls, []);
  });

  it('are renewed at their time though nothing was read since, and taken up by all within seconds', async () => {
    const [first] = serials();
    const { notBefore, notAfter } = [...world.replicas][0]!.source.current()!;
    const due = notBefore.getTime() + (2 / 3) * (notAfter.getTime() - notBefore.getTime());
    await world.pass(due - world.clock.now() - 1000, hour);
    assert.deepEqual(serials(), [first, first, first]);
    while (serials().every((serial) => serial === first)) await world.pass(1000);
    assert.ok(world.clock.now() - due <= minute + 1000, `${world.clock.now() - due} ms late`);
    await world.pass(2 * 1000 + watchLag);
    const now = serials();
    assert.notEqual(now[0], first);
    assert.equal(new Set(now).size, 1);
    assert.equal(world.leaves.length, 2);
  });

  it('are renewed after a sleep that no timer and no watch noticed', async () => {
    const [first] = serials();
    world.isDeaf = true;
    world.clock.jump(7 * day);
    await world.pass(minute + 1000);
    assert.notEqual(serials()[0], first);
    assert.equal(new Set(serials()).size, 1);
  });

  it('have their bundle back within seconds, and are quiet again', async () => {
    const { bundle } = world.configurations[1]!;
    world.wipe(world.configurations[1]!);
    await world.pass(2 * 1000);
    assert.equal(world.configurations[1]!.bundle, bundle);
    await world.pass(minute);
    world.calls.length = 0;
    await world.pass(hour, minute);
    assert.deepEqual(world.calls, []);
  });

  it('are put back within seconds where the Secret is deleted', async () => {
    world.store.put(undefined);
    await world.pass(2 * 1000);
    assert.ok((await world.secret())['tls.crt']);
  });

  it('make up for an event that never came', async () => {
    const { bundle } = world.configurations[0]!;
    world.isDeaf = true;
    world.wipe(world.configurations[0]!);
    await world.pass(settings.readEvery - hour, hour);
    assert.equal(world.configurations[0]!.bundle, undefined);
    await world.pass(hour + minute);
    assert.equal(world.configurations[0]!.bundle, bundle);
  });

  it('are read at every look by a replica whose watches tell nothing', async () => {
    world.isDeaf = true;
    const late = world.start();
    await world.pass(minute);
    await late.started;
    world.calls.length = 0;
    await world.pass(10 * minute);
    const reads = world.calls.filter((call) => call === 'secret.read').length;
    assert.ok(reads >= 10, `${reads} reads`);
  });

  it('do not hammer the API server when somebody undoes every write at once', async () => {
    const [configuration] = world.configurations;
    const old = configuration!.bundle!;
    let writes = 0;
    const undo = setUndo(world, () => {
      if (configuration!.bundle !== old) return;
      writes++;
      world.wipe(configuration!);
    });
    world.wipe(configuration!);
    await world.pass(10 * minute);
    undo();
    assert.ok(writes >= 100, `${writes} writes in ten minutes: it is repaired each time`);
    assert.ok(writes <= 3 * 660, `${writes} writes in ten minutes of three replicas`);
  });
});

/** Calls `act` every 10 ms of simulated time. */
function setUndo(world: World, act: () => void): () => void {
  let isOver = false;
  const turn = () => {
    if (isOver) return;
    act();
    world.clock.after(10, turn);
  };
  turn();
  return () => {
    isOver = true;
  };
}
