// One order followed through the logs of two replicas by its uid alone, as docs/logs.md says: admission, the write
// that holds its stock, its reconciles, its states, the settlement, its payment; and the line of one that is refused.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { orderManifest, saleManifest } from '../e2e/sale.ts';
import { openTarget } from '../e2e/targets.ts';
import { eventually, refused, World } from '../e2e/world.ts';

interface Line {
  msg: string;
  level: number;
  time: number;
  replica: number;
  // biome-ignore lint/suspicious/noExplicitAny: any field of any line
  [field: string]: any;
}

/** grep over the logs of all replicas, in the order of time. */
const grep = (world: World, text: string): Line[] =>
  world.replicas
    .flatMap(({ log }, replica) =>
      log.filter((line) => line.includes(text)).map((line): Line => ({ ...JSON.parse(line), replica })),
    )
    .sort((a, b) => a.time - b.time);

test('an order can be followed through the logs by its uid', { timeout: 120_000 }, async () => {
  const target = await openTarget('sandbox');
  assert.ok(!('skip' in target));
  const world = await World.open(target);
  try {
    await world.serve(2, { 'log-level': 'debug' });
    const namespace = await world.namespace();
    await world.create(namespace, saleManifest({ stock: 3, price: 1000, spikePrice: 800 }));
    await eventually(() =>
      world.create(namespace, orderManifest({ name: 'order1', buyer: 'buyer1', goods: { goods1: 2 } })),
    );
    const refusal = await refused(
      world.create(namespace, orderManifest({ name: 'order2', buyer: 'buyer1', goods: { goods1: 2 } })),
    );
    await eventually(async () =>
      assert.equal((await world.order(namespace, 'order1')).status?.phase, 'Unpaid'),
    );
    await world.pay(namespace, 'order1');
    await eventually(async () =>
      assert.equal((await world.order(namespace, 'order1')).status?.phase, 'Paid'),
    );
    await eventually(async () => assert.equal((await world.goods(namespace, 'goods1')).status?.num, 2));
    const { uid } = (await world.order(namespace, 'order1')).metadata;

    const about = { kind: 'SpikeOrder', namespace, name: 'order1', uid };
    const part = (line: Line | undefined, names: readonly string[]) =>
      Object.fromEntries(names.map((name) => [name, line?.[name]]));
    const identity = Object.keys(about);

    await eventually(() => {
      const lines = grep(world, uid);
      const [admitted] = lines.filter((it) => it.step === 'validate' && it.operation === 'CREATE');
      assert.deepEqual(part(admitted, [...identity, 'allowed']), { ...about, allowed: true });
      assert.match(admitted?.requestID, /^[0-9a-f-]{36}$/);
      assert.ok(admitted!.ms > 0);

      const [held] = lines.filter((it) => it.held?.includes(uid));
      assert.deepEqual(part(held, ['kind', 'namespace', 'name']), {
        kind: 'SpikeGoods',
        namespace,
        name: 'goods1',
      });
      assert.match(held?.writeID, /^[0-9a-f-]{36}$/);
      assert.equal(held?.replica, admitted?.replica, 'the replica that admits it holds its stock');
      assert.ok(held!.ms > 0 && Number(held!.resourceVersion) > 0);

      const states = lines.filter((it) => it.reason === 'Reserved' || it.reason === 'Paid');
      assert.deepEqual(
        states.map((it) => part(it, [...identity, 'reason', 'from'])),
        [
          { ...about, reason: 'Reserved', from: undefined },
          { ...about, reason: 'Paid', from: 'Unpaid' },
        ],
      );
      for (const state of states) {
        const [run, ...more] = lines.filter(
          (it) => it.msg === 'reconciled' && it.reconcileID === state.reconcileID,
        );
        assert.deepEqual(part(run, [...identity, 'controller']), { ...about, controller: 'spikeorder' });
        assert.deepEqual(more, []);
      }
      assert.notEqual(states[0]?.reconcileID, states[1]?.reconcileID);

      const [settled] = lines.filter((it) => it.ended?.includes(uid));
      assert.equal(settled?.msg, 'ledger write');
      assert.notEqual(settled?.writeID, held?.writeID);
      assert.equal(settled?.replica, states[0]?.replica, 'the leader settles');

      const paid = lines.filter((it) => it.step === 'validate' && it.operation === 'UPDATE');
      assert.ok(paid.length >= 1 && paid.every(({ allowed }) => allowed));
      // In the order in which it happened.
      const order = [held, admitted, states[0], settled, states[1]].map((line) => lines.indexOf(line!));
      assert.ok(order[0]! <= order[1]! && order[2]! < order[3]! && order[2]! < order[4]!, `order ${order}`);
    });

    await eventually(() => {
      const lines = grep(world, '"order2"').filter((it) => it.step === 'validate');
      assert.equal(lines.length, 1, 'one line for one decision');
      const names = ['kind', 'name', 'allowed', 'reason', 'level'];
      assert.deepEqual(part(lines[0], names), {
        kind: 'SpikeOrder',
        name: 'order2',
        allowed: false,
        reason: 'InsufficientStock',
        level: 30,
      });
      assert.ok(refusal.message.includes(lines[0]!.msg));
    });
  } finally {
    await world.close();
  }
});
