// What is said of orders that a restore of etcd took away or brought back.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { SpikeOrder } from '../../../src/api/spike-order.ts';
import { announceRestore, describeRewind } from '../../../src/controllers/restored.ts';
import type { Client } from '../../../src/kube/client.ts';
import { ApiError } from '../../../src/kube/errors.ts';
import { EventRecorder, type KubeEvent } from '../../../src/kube/events.ts';
import type { KubeObject } from '../../../src/kube/objects.ts';
import { SimulatedClock } from '../../simulated-clock.ts';
import { goodsOf } from '../../simulation/manual-store.ts';

const orderOf = (name: string, goods: string): SpikeOrder => ({
  apiVersion: 'myapp.spike.com/v1',
  kind: 'SpikeOrder',
  metadata: {
    name,
    namespace: 'shop',
    uid: `uid-of-${name}`,
    resourceVersion: '1',
    creationTimestamp: '2026-01-01T00:00:00Z',
  },
  spec: { buyerId: 'buyer', goodsMap: { [goods]: 1 } },
});

it('each goods has one event, with the numbers and some names', () => {
  const apple = goodsOf('apple', 5);
  const berry = goodsOf('berry', 5);
  const said: [string, string, string, string][] = [];
  const lost = Array.from({ length: 7 }, (_, i) => orderOf(`after${i}`, 'apple'));
  announceRestore(
    { from: 120, to: 80, lost, older: [orderOf('b', 'berry')], returned: [orderOf('c', 'apple')] },
    {
      catalogue: { findGoods: (_, name) => [apple, berry].find(({ metadata }) => metadata.name === name) },
      recorder: {
        event(object: KubeObject, type, reason, message) {
          said.push([object.metadata.name, type, reason, message]);
        },
      },
    },
  );
  const begin = 'etcd was restored from a backup, from revision 120 to 80: orders: ';
  assert.deepEqual(said, [
    [
      ...(['apple', 'Warning', 'RestoredFromBackup'] as const),
      `${begin}7 are gone (after0, after1, after2, after3, after4, …); 1 that was deleted is there again (c)`,
    ],
    [...(['berry', 'Warning', 'RestoredFromBackup'] as const), `${begin}1 is back in an earlier state (b)`],
  ]);
});

it('a kind of which nothing is lost says so', () => {
  const nothing = { from: 9, to: 7, lost: [], older: [], returned: [] };
  assert.match(describeRewind('buyers', nothing), /from revision 9 to 7: buyers: nothing of it is lost$/);
});

it('replicas that saw different revisions store one event for the same orders', async () => {
  const apple = goodsOf('apple', 5);
  const stored = new Map<string, KubeEvent>();
  const client = {
    async create(_: unknown, event: KubeEvent) {
      const { name } = event.metadata;
      if (stored.has(name)) throw new ApiError(409, { reason: 'AlreadyExists' });
      stored.set(name, event);
      return event;
    },
  } as unknown as Client;
  const announce = async (from: number, names: string[]) => {
    const recorder = new EventRecorder({ client, component: 'test', clock: new SimulatedClock() });
    const lost = names.map((name) => orderOf(name, 'apple'));
    const rewind = { from, to: from - 40, lost, older: [], returned: [] };
    announceRestore(rewind, { catalogue: { findGoods: () => apple }, recorder });
    await recorder.flush();
  };
  await announce(120, ['a', 'b']);
  await announce(121, ['b', 'a']);
  assert.equal(stored.size, 1);
  await announce(300, ['c']);
  assert.equal(stored.size, 2, 'another restore is another event');
});
