// One rotation from nothing to the dropped CA, with a failure at every single call to the outside in turn:
// before its effect or after it (the answer lost), as an error that the replica lives through or as the death of
// the process with a new one in its place. Every time the world must end up well, the promise kept throughout.

import '../../unfollowed.ts';

import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import type { KeyMaker } from '../../../certs/authority.ts';
import { dealtKeys, minute, seeing, type Weather, World } from './world.ts';

const settings = {
  authorityLifetime: 60 * minute,
  leafLifetime: 30 * minute,
  overlap: 5 * minute,
  checkEvery: 2 * minute,
};

type Failure = 'error before' | 'error after' | 'death before' | 'death after';

/** Runs the life of a CA and a half; `at` is the number of the call that fails. Resolves to the calls and their times. */
async function rotation(newKey: KeyMaker, watchLag: { watchLag?: number }, at?: number, failure?: Failure) {
  const calls: { call: string; time: number }[] = [];
  let world: World;
  const fail = (call: string): never => {
    if (failure?.startsWith('death')) {
      world.stop();
      world.clock.after(0, () => world.start());
    }
    throw new Error(`${call}: ${failure}`);
  };
  const weather: Weather = async (call, act) => {
    await Promise.resolve();
    const due = calls.push({ call, time: world.clock.now() }) - 1 === at;
    if (due && failure?.endsWith('before')) fail(call);
    const result = await act();
    if (due && failure?.endsWith('after')) fail(call);
    return result;
  };
  const counted: KeyMaker = async () => (await weather('key', newKey)) as string;
  world = new World({ newKey: counted, settings, weather, ...watchLag });
  world.start();
  // Beyond the first CA's end and the five minutes after which it is dropped.
  await world.pass(70 * minute, minute);
  const bundle = (await world.secret())['ca.crt']!;
  const authorities = await world.authorities();
  const [replica] = world.replicas;
  const outcome = {
    replicas: world.replicas.size,
    authorities: authorities.length,
    trusted: world.configurations.every((configuration) => configuration.bundle === bundle),
    served: world.leaves.at(-1)!.certificate.serialNumber === replica?.source.current()?.serial,
    rotated: world.leaves.at(-1)!.certificate.issuer !== world.leaves[0]!.certificate.issuer,
  };
  world.stop();
  return { calls, outcome };
}

for (const { how, watchLag } of seeing)
  describe(`a failure at any call, ${how}`, () => {
    let newKey: KeyMaker;
    let calm: Awaited<ReturnType<typeof rotation>>;
    before(async () => {
      newKey = await dealtKeys(4);
      calm = await rotation(newKey, watchLag);
    });
    const well = { replicas: 1, authorities: 1, trusted: true, served: true, rotated: true };

    for (const failure of ['error before', 'error after', 'death before', 'death after'] as const) {
      it(`is recovered from: ${failure}`, async () => {
        assert.deepEqual(calm.outcome, well);
        // Checks that change nothing are alike; the calls around a change are what matters.
        const changes = new Set(
          calm.calls.filter(({ call }) => /create|update|write|key/.test(call)).map(({ time }) => time),
        );
        const points = calm.calls.flatMap(({ time }, index) => (changes.has(time) ? [index] : []));
        assert.ok(points.length > 40, `${points.length} points`);
        for (const at of points) {
          // A read has no effect: failing after it is failing before the next call.
          if (failure.endsWith('after') && !/create|update|write/.test(calm.calls[at]!.call)) continue;
          const { outcome } = await rotation(newKey, watchLag, at, failure);
          assert.deepEqual(outcome, well, `${failure} call ${at}, ${calm.calls[at]!.call}`);
        }
      });
    }
  });
