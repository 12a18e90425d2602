// Who this process is for the API server: asked until it is known, and no longer.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Self } from '../../../src/process/self.ts';
import { silentLog } from '../../../src/runtime/log.ts';
import { SimulatedClock } from '../../simulated-clock.ts';

const user = 'system:serviceaccount:spikegate-system:spikegate';
const known = { status: 201, headers: {}, body: { status: { userInfo: { username: user } } } };
const forbidden = { status: 403, headers: {}, body: { status: 'Failure', message: 'no' } };

function asked(...answers: (typeof known | typeof forbidden | Error)[]) {
  const clock = new SimulatedClock();
  let requests = 0;
  const request = async () => {
    const answer = answers[Math.min(requests++, answers.length - 1)]!;
    if (answer instanceof Error) throw answer;
    return answer;
  };
  return { clock, self: new Self({ client: { request }, clock, log: silentLog }), requests: () => requests };
}

describe('who this process is', () => {
  it('is known when it has started', async () => {
    const { self, requests, clock } = asked(known);
    await self.start();
    assert.equal(self.user, user);
    await clock.advance(600_000);
    assert.equal(requests(), 1);
  });

  it('does not keep it from starting, and is asked until it is known', async () => {
    const { self, requests, clock } = asked(
      forbidden,
      new Error('no connection'),
      ...Array(20).fill(forbidden),
      known,
    );
    await self.start();
    assert.equal(self.user, undefined);
    await clock.advance(3_600_000);
    assert.equal(self.user, user);
    assert.equal(requests(), 23);
  });

  it('is not asked any more once it stops', async () => {
    const { self, requests, clock } = asked(forbidden);
    await self.start();
    await self.stop();
    await clock.advance(600_000);
    assert.equal(requests(), 1);
  });
});
