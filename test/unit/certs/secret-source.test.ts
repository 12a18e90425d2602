// Replicas that share one Secret: they begin, renew, rotate and mend together. Asserts on what is served, what
// is stored and what is trusted; World checks at every change that all three fit.

import '../../unfollowed.ts';

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { afterEach, before, beforeEach, describe, it } from 'node:test';
import { issueAuthority, type KeyMaker } from '../../../certs/authority.ts';
import { namesOf } from '../../../certs/pair.ts';
import { day, dealtKeys, hour, minute, seeing, World } from './world.ts';

const settings = {
  authorityLifetime: 90 * day,
  leafLifetime: 9 * day,
  overlap: 12 * hour,
  checkEvery: minute,
};

for (const { how, watchLag } of seeing)
  describe(`certificates shared in a Secret, ${how}`, () => {
    let newKey: KeyMaker;
    let world: World;
    before(async () => {
      newKey = await dealtKeys();
    });
    beforeEach(() => {
      world = new World({ newKey, settings, ...watchLag });
    });
    afterEach(() => world.stop());

    const serialOf = (replica: { source: { current(): { serial: string } | undefined } }) =>
      replica.source.current()?.serial;

    async function threeReplicas() {
      const replicas = [world.start(), world.start(), world.start()];
      await world.pass(5000);
      await Promise.all(replicas.map((replica) => replica.started));
      return replicas;
    }

    it('begin with one CA and one leaf for all, published before it is served', async () => {
      const replicas = await threeReplicas();
      const serials = new Set(replicas.map(serialOf));
      assert.equal(serials.size, 1);
      assert.equal((await world.authorities()).length, 1);
      assert.equal(world.leaves.length, 1);
      const bundle = (await world.secret())['ca.crt'];
      for (const configuration of world.configurations) assert.equal(configuration.bundle, bundle);
      assert.equal(replicas[0]!.source.caBundle(), bundle);
      const end = replicas[0]!.source.current()!.notAfter.getTime();
      assert.equal(replicas[0]!.source.expiry(), end / 1000);
    });

    it('are taken up by a replica that comes later, and survive that all stop', async () => {
      const replicas = await threeReplicas();
      const serial = serialOf(replicas[0]!);
      world.stop();
      await world.pass(day);
      const late = world.start();
      await world.pass(1000);
      assert.equal(serialOf(late), serial);
      assert.equal(world.leaves.length, 1);
    });

    it('are renewed at two thirds of the life, once for all, and listeners hear of it', async () => {
      const replicas = await threeReplicas();
      const first = replicas[0]!.source.current()!;
      let heard = 0;
      replicas[1]!.source.onChange(() => heard++);
      const life = first.notAfter.getTime() - first.notBefore.getTime();
      const due = first.notBefore.getTime() + (2 / 3) * life - world.clock.now();
      await world.pass(due - minute, hour);
      assert.deepEqual(replicas.map(serialOf), Array(3).fill(first.serial));
      await world.pass(2 * minute);
      assert.notEqual(serialOf(replicas[0]!), first.serial);
      assert.equal(new Set(replicas.map(serialOf)).size, 1);
      assert.equal(world.leaves.length, 2);
      assert.equal(heard, 1);
    });

    it('are renewed within a minute after the machine slept past the time', async () => {
      const replicas = await threeReplicas();
      const first = serialOf(replicas[0]!);
      world.clock.jump(7 * day);
      await world.pass(minute + 1000);
      assert.notEqual(serialOf(replicas[0]!), first);
      for (const replica of replicas) replica.stop();
      const late = world.start();
      await world.pass(1000);
      world.clock.jump(400 * day);
      late.source.recheck();
      await world.clock.advance(minute);
      assert.ok(late.source.current()!.notAfter.getTime() > world.clock.now(), 'slept past every expiry');
      assert.equal((await world.authorities()).length, 1, 'the expired CA is gone');
    });

    it('get a new CA with the overlap between its publication and its first leaf', async () => {
      world = new World({
        newKey,
        settings: { ...settings, checkEvery: hour / 2 },
        apiServerLag: 6 * hour,
        ...watchLag,
      });
      await threeReplicas();
      const [oldest] = await world.authorities();
      await world.pass(57 * day, day);
      while ((await world.authorities()).length === 1) await world.pass(hour);
      const added = world.clock.now();
      const newest = (await world.authorities())[1]!;
      for (const { bundle } of world.configurations) assert.equal(bundle, (await world.secret())['ca.crt']);
      const issuer = () => world.leaves.at(-1)!.certificate.issuer;
      await world.pass(11 * hour);
      assert.equal(issuer(), oldest!.subject);
      await world.pass(2 * hour);
      assert.equal(issuer(), newest.subject);
      assert.ok(world.leaves.at(-1)!.at - added >= 11 * hour);
      assert.equal((await world.secret())['ca.key']!.match(/BEGIN/g)?.length, 1, "the old CA's key is gone");
      await world.pass(29 * day, day);
      assert.equal((await world.authorities()).length, 2, 'the old CA stays until it expires');
      await world.pass(2 * day, day);
      assert.deepEqual(
        (await world.authorities()).map((one) => one.subject),
        [newest.subject],
      );
    });

    it('cover a name that was added, without taking one away', async () => {
      await threeReplicas();
      const more = world.start({ names: ['flash.example.com'] });
      await world.pass(minute);
      const names = namesOf(new X509Certificate(more.source.current()!.cert));
      assert.ok(names.includes('flash.example.com') && names.includes('spikegate.shop.svc'));
      assert.equal(world.leaves.length, 2, 'the replicas do not quarrel');
    });

    it('mend an unreadable leaf from the good CA', async () => {
      const [replica] = await threeReplicas();
      for (const damage of [
        { 'tls.crt': 'half a certi' },
        { 'tls.key': '' },
        { 'tls.crt': '', 'tls.key': '' },
      ]) {
        const before = serialOf(replica!);
        world.store.put({ ...(await world.secret()), ...damage });
        await world.pass(5000);
        assert.notEqual(serialOf(replica!), before);
      }
      assert.equal((await world.authorities()).length, 1);
      assert.ok(world.lines.some(({ level, message }) => level === 'error' && /is damaged/.test(message)));
    });

    it('meet a lost CA key with a rotation, the leaf in use staying good', async () => {
      const [replica] = await threeReplicas();
      const before = serialOf(replica!);
      world.store.put({ ...(await world.secret()), 'ca.key': 'garbage' });
      await world.pass(11 * hour, hour);
      assert.equal((await world.authorities()).length, 2);
      assert.equal(serialOf(replica!), before);
      await world.pass(2 * hour);
      assert.equal(world.leaves.at(-1)!.certificate.issuer, (await world.authorities())[1]!.subject);
    });

    for (const [what, damage] of [
      ['deleted', () => undefined],
      ['emptied', () => ({})],
      ['stripped of its CA', (data: object) => ({ ...data, 'ca.crt': 'garbage' })],
      [
        'filled with nonsense',
        () => ({ 'ca.crt': '{}', 'ca.published': '[', 'tls.crt': '-----BEGIN', 'ca.key': '0' }),
      ],
    ] as const) {
      it(`keep the trust in what is served when the Secret is ${what}`, async () => {
        const [replica] = await threeReplicas();
        const [authority] = await world.authorities();
        const before = serialOf(replica!);
        world.store.put(damage(await world.secret()));
        await world.pass(11 * hour, hour);
        assert.equal(serialOf(replica!), before);
        assert.equal((await world.authorities()).length, 2);
        assert.equal((await world.authorities())[0]!.fingerprint256, authority!.fingerprint256);
        await world.pass(2 * hour);
        assert.notEqual(serialOf(replica!), before);
        assert.equal(world.leaves.at(-1)!.certificate.issuer, (await world.authorities())[1]!.subject);
      });
    }

    it('keep what parses of a damaged bundle', async () => {
      const foreign = issueAuthority({
        key: await newKey(),
        now: world.clock.now(),
        lifetime: 90 * day,
        random: (count) => new Uint8Array(count).fill(7),
      });
      world.store.put({
        'ca.crt': `-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n${foreign}`,
      });
      await threeReplicas();
      const kept = await world.authorities();
      assert.equal(kept.length, 2);
      assert.equal(kept[0]!.fingerprint256, new X509Certificate(foreign).fingerprint256);
    });

    it('do not hammer the API server when every write comes to nothing', async () => {
      let writes = 0;
      const store = {
        read: () => world.store.read(),
        create: (data: Record<string, string>) => world.store.create(data),
        // A webhook of somebody's that wipes what we write, say.
        update: async () => {
          writes++;
          return world.store.put({ 'ca.crt': '' });
        },
        watch: (listener: () => void, signal: AbortSignal) => world.store.watch(listener, signal),
      };
      world.start({ store });
      await world.pass(10 * minute);
      assert.ok(writes > 20 && writes < 500, `${writes} writes in ten minutes`);
    });

    it('stop when told to, leaving no timer behind', async () => {
      await threeReplicas();
      world.stop();
      await world.pass(2 * minute);
      assert.equal(world.clock.pending, 0);
    });

    it('write no key into the log', async () => {
      await threeReplicas();
      world.store.put({ ...(await world.secret()), 'tls.key': 'broken', 'ca.key': 'broken' });
      await world.pass(hour, minute);
      assert.ok(world.lines.length > 5);
      assert.doesNotMatch(JSON.stringify(world.lines), /PRIVATE KEY/);
    });
  });
