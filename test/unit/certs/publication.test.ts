// The bundle in the webhook configurations: published before it is relied on, restored when it is overwritten,
// never turned back by a replica that slept. World checks at every change that what is served is trusted.

import '../../unfollowed.ts';

import assert from 'node:assert/strict';
import { afterEach, before, beforeEach, describe, it } from 'node:test';
import { issueAuthority, issueLeaf, type KeyMaker } from '../../../certs/authority.ts';
import { sleep } from '../../../src/runtime/clock.ts';
import { day, dealtKeys, hour, minute, seeing, type Weather, World } from './world.ts';

const settings = {
  authorityLifetime: 90 * day,
  leafLifetime: 9 * day,
  overlap: 12 * hour,
  checkEvery: hour / 2,
};

for (const { how, watchLag } of seeing)
  describe(`the published bundle, ${how}`, () => {
    let newKey: KeyMaker;
    let world: World;
    /** What the next call of that name meets, once. */
    let ambush: { call: string; meets: () => Promise<unknown> | unknown } | undefined;
    before(async () => {
      newKey = await dealtKeys();
    });
    beforeEach(() => {
      ambush = undefined;
      const weather: Weather = async (call, act) => {
        const met = ambush;
        if (met?.call === call) {
          ambush = undefined;
          await met.meets();
        }
        return act();
      };
      world = new World({ newKey, settings, weather, ...watchLag });
    });
    afterEach(() => world.stop());

    const issuer = () => world.leaves.at(-1)!.certificate.issuer;
    const random = (count: number) => new Uint8Array(count).fill(7);

    async function begin(replicas: number) {
      const started = Array.from({ length: replicas }, () => world.start());
      await world.pass(5000);
      await Promise.all(started.map((replica) => replica.started));
      return started;
    }

    async function untilSecondAuthority() {
      while ((await world.authorities()).length === 1) await world.pass(hour);
      return world.authorities();
    }

    it('is restored when somebody writes over it', async () => {
      await begin(3);
      const { bundle } = world.configurations[0]!;
      world.wipe(world.configurations[0]!);
      await world.pass(watchLag.watchLag === undefined ? hour / 2 : 4000);
      assert.equal(world.configurations[0]!.bundle, bundle);
    });

    it('makes a new CA wait again when the publication is undone, over and over', async () => {
      await begin(3);
      const old = world.configurations[0]!.bundle!;
      await world.pass(57 * day, day);
      const [oldest, newest] = await untilSecondAuthority();
      // Somebody's pipeline applies its old manifest over and over, for three days.
      for (let passed = 0; passed < 3 * day; passed += 10 * minute) {
        world.configure(world.configurations[0]!, old);
        await world.pass(10 * minute);
        assert.equal(issuer(), oldest!.subject);
      }
      // The overlap began again, three quarters of it at least after the last time.
      await world.pass(8 * hour, hour);
      assert.equal(issuer(), oldest!.subject);
      await world.pass(5 * hour);
      assert.equal(issuer(), newest!.subject);
    });

    it('makes a new CA wait again when the publication is undone at the last moment', async () => {
      await begin(1);
      const old = world.configurations[0]!.bundle!;
      await world.pass(57 * day, day);
      const [oldest, newest] = await untilSecondAuthority();
      const published: Record<string, string> = JSON.parse((await world.secret())['ca.published']!);
      const due = Date.parse(published[newest!.fingerprint256]!) + 12 * hour;
      await world.pass(due - 1 - world.clock.now(), hour);
      world.configure(world.configurations[0]!, old);
      await world.pass(11 * hour, hour);
      assert.equal(issuer(), oldest!.subject);
      await world.pass(2 * hour, hour);
      assert.equal(issuer(), newest!.subject);
    });

    for (const call of ['configuration.read', 'configuration.write']) {
      it(`is not turned back by a replica that slept two days before its ${call}`, async () => {
        await begin(3);
        await world.pass(59 * day, day);
        assert.equal((await world.authorities()).length, 1);
        ambush = { call, meets: () => sleep(world.clock, 2 * day) };
        // Somebody writes over the bundle, so that all want to write.
        world.wipe(world.configurations[0]!);
        const [, newest] = await untilSecondAuthority();
        await world.pass(3 * day, hour);
        assert.equal(issuer(), newest!.subject);
        assert.equal(ambush, undefined);
      });
    }

    it('is not taken from a Secret that has just lost the CA of what is served', async () => {
      const [replica] = await begin(1);
      const [authority] = await world.authorities();
      const foreign = issueAuthority({
        key: await newKey(),
        now: world.clock.now(),
        lifetime: 90 * day,
        random,
      });
      ambush = { call: 'configuration.read', meets: () => world.store.put({ 'ca.crt': foreign }) };
      world.wipe(world.configurations[0]!);
      await world.pass(hour, minute);
      const fingerprints = (await world.authorities()).map((one) => one.fingerprint256);
      assert.ok(fingerprints.includes(authority!.fingerprint256));
      assert.ok(replica!.source.caBundle()!.includes(foreign));
      for (const { bundle } of world.configurations) assert.equal(bundle, replica!.source.caBundle());
    });

    it('is confirmed before a leaf of its CA is served', async () => {
      const [caKey, key] = [await newKey(), await newKey()];
      const base = { now: world.clock.now(), lifetime: 9 * day, random };
      const cert = issueAuthority({ ...base, key: caKey });
      const names = ['spikegate.shop.svc'];
      const leaf = issueLeaf({ ...base, key, names, authority: { cert, key: caKey } });
      world.store.put({ 'ca.crt': cert, 'ca.key': caKey, 'tls.crt': leaf, 'tls.key': key });
      const replica = world.start({ publisher: { publish: () => Promise.reject(new Error('forbidden')) } });
      await world.pass(hour, minute);
      assert.equal(replica.source.current(), undefined);
      assert.equal(replica.source.expiry(), 0);
      const failures = world.lines.filter((line) => line.level === 'error');
      assert.ok(failures.some(({ fields }) => /forbidden/.test(String((fields as { err?: unknown }).err))));
      replica.stop();
      await assert.rejects(replica.started, { name: 'AbortError' });
    });
  });
