// A year of certificates with three replicas: first in calm weather with exact times, then in rough weather
// (conflicts, lost answers, replicas that sleep for a day in the middle of a call, crashes, slow API servers),
// where only the promise counts: at every instant what is served verifies against every bundle in force.

import '../../unfollowed.ts';

import assert from 'node:assert/strict';
import type { X509Certificate } from 'node:crypto';
import { before, describe, it } from 'node:test';
import type { KeyMaker } from '../../../certs/authority.ts';
import { day, dealtKeys, hour, type Replica, roughWeather, seededRandom, World } from './world.ts';

const settings = {
  authorityLifetime: 90 * day,
  leafLifetime: 9 * day,
  overlap: 12 * hour,
  checkEvery: 2 * hour,
  readEvery: day,
};

describe('a year of certificates', () => {
  let newKey: KeyMaker;
  before(async () => {
    newKey = await dealtKeys();
  });

  it('renews every leaf at two thirds and lets none outlive its CA', async () => {
    const world = new World({ newKey, settings, apiServerLag: 6 * hour });
    for (let i = 0; i < 3; i++) world.start();
    const authorities = new Map<string, X509Certificate>();
    for (let passed = 0; passed < 365; passed++) {
      await world.pass(day);
      for (const authority of await world.authorities()) authorities.set(authority.subject, authority);
    }
    world.stop();
    assert.ok(authorities.size >= 6 && authorities.size <= 7, `${authorities.size} CAs in a year`);
    for (const [index, { certificate, at }] of world.leaves.entries()) {
      const authority = authorities.get(certificate.issuer)!;
      assert.ok(certificate.validToDate <= authority.validToDate);
      const next = world.leaves[index + 1];
      if (next?.certificate.issuer !== certificate.issuer) continue;
      const begin = certificate.validFromDate.getTime();
      const due = begin + ((certificate.validToDate.getTime() - begin) * 2) / 3;
      assert.ok(next.at >= due && next.at <= due + 2 * hour, `renewed ${(next.at - due) / hour} h after 2/3`);
      assert.ok(at < next.at);
    }
    assert.ok(world.leaves.length > 50);
    const errors = world.lines.filter((line) => line.level === 'error');
    assert.deepEqual(errors, []);
  });

  for (let seed = 1; seed <= 6; seed++) {
    it(`keeps the promise in rough weather, seed ${seed}`, async () => {
      const luck = seededRandom(seed * 1009);
      let world: World;
      const weather = (call: string, act: () => Promise<unknown>) =>
        roughWeather(world.clock, luck, 2 * day)(call, act);
      // Every other one follows by watches, which tell hours late, and some things never.
      const watchLag = seed % 2 === 0 ? { watchLag: 3 * hour } : {};
      world = new World({ newKey, settings, seed, weather, apiServerLag: 6 * hour, ...watchLag });
      for (let i = 0; i < 3; i++) world.start();
      await world.pass(day, hour);
      for (let passed = 0; passed < 300; passed++) {
        if (luck() < 0.1) await restartOne(world, luck);
        world.isDeaf = luck() < 0.2;
        await world.pass(day, 6 * hour);
      }
      assert.ok(world.leaves.length > 40, `${world.leaves.length} leaves`);
      assert.ok(world.comparisons > 1000);
      const issuers = new Set(world.leaves.map(({ certificate }) => certificate.issuer));
      assert.ok(issuers.size >= 5, `${issuers.size} CAs`);
      world.stop();
    });
  }
});

async function restartOne(world: World, luck: () => number): Promise<void> {
  const replicas: Replica[] = [...world.replicas];
  replicas[Math.floor(luck() * replicas.length)]!.stop();
  world.start();
}
