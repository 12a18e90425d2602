// What a process exports: series that are there from the start, stock by goods under a ceiling, orders by outcome.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatHolds } from '../../../src/api/holds.ts';
import type { SpikeGoods } from '../../../src/api/spike-goods.ts';
import { byCeiling, others } from '../../../src/server/stock-metrics.ts';
import { registry as webhooks } from '../../../webhooks/registry.ts';
import { Exported } from '../../monitoring/exported.ts';
import { goodsOf } from '../../simulation/manual-store.ts';

async function stockOf(exported: Exported): Promise<Record<string, number[]>> {
  const all: Record<string, number[]> = {};
  for (const level of ['available', 'reserved', 'sold', 'held']) {
    for (const { labels, value } of await exported.read(`spikegate_stock_${level}`)) {
      const key = `${labels.namespace}/${labels.goods}`;
      all[key] = [...(all[key] ?? []), value];
    }
  }
  return all;
}

let made = 0;
function goods(name: string, more: Partial<SpikeGoods['status'] & object> = {}, stockCount = 10): SpikeGoods {
  const it = goodsOf(name, stockCount);
  const creationTimestamp = new Date(Date.UTC(2026, 0, 1) + made++ * 1000).toISOString();
  return {
    ...it,
    metadata: { ...it.metadata, uid: name, creationTimestamp },
    status: { ...it.status, ...more },
  };
}

const time = '2026-01-01T00:00:00.000Z';
const hold = (uid: string, quantity: number, at = time) => ({ uid, order: uid, quantity, time: at });

describe('metrics', () => {
  it('are there before anything has happened, at 0', async () => {
    const exported = new Exported();
    // As after an answer of the API server; before it, the time is not known.
    assert.deepEqual(await exported.read('spikegate_clock_uncertainty_seconds'), [
      { labels: {}, value: Infinity },
    ]);
    exported.time = { offsetMs: 0, uncertaintyMs: 0 };
    const { metrics } = exported;
    // What a process and its clients measure anew each time, and what has no labels known in advance.
    const own = /^(spikegate_|controller_runtime_|workqueue_|certwatcher_|leader_)/;
    const late = /^spikegate_stock_(available|reserved|sold|held)$|^spikegate_cache_objects$/;
    let checked = 0;
    for (const metric of await metrics.registry.getMetricsAsJSON()) {
      if (!own.test(metric.name) || late.test(metric.name)) continue;
      checked++;
      assert.ok(metric.values.length > 0, `${metric.name} has no series`);
      assert.deepEqual(
        metric.values.filter(({ value }) => value !== 0),
        [],
        metric.name,
      );
    }
    assert.ok(checked >= 25, `only ${checked} metrics were looked at`);
  });

  it('of every webhook and every controller are there', async () => {
    const exported = new Exported();
    const latencies = await exported.read('controller_runtime_webhook_latency_seconds_count');
    assert.equal(latencies.length, webhooks.length * 2);
    const controllers = await exported.read('controller_runtime_reconcile_errors_total');
    assert.deepEqual(
      new Set(controllers.map(({ labels }) => labels.controller)),
      new Set(webhooks.map(({ kind }) => kind.singular)),
    );
  });

  it('count orders by operation, outcome and reason, and the orders alone', async () => {
    const exported = new Exported();
    const { admission } = exported.metrics;
    assert.equal(admission.decisions('Buyer'), undefined);
    const decided = admission.decisions('SpikeOrder')!;
    decided('CREATE', undefined);
    decided('CREATE', undefined);
    decided('CREATE', 'SoldOut');
    decided('UPDATE', 'OrderExpired');
    decided('CREATE', 'a reason of somebody else');
    const counted = (await exported.read('spikegate_order_admissions_total')).filter(
      ({ value }) => value > 0,
    );
    assert.deepEqual(
      counted.map(({ labels, value }) => [labels.operation, labels.outcome, labels.reason, value]),
      [
        ['CREATE', 'accepted', 'Accepted', 2],
        ['CREATE', 'refused', 'SoldOut', 1],
        ['UPDATE', 'refused', 'OrderExpired', 1],
      ],
    );
  });

  it('of a settlement say when it was and how long the orders had waited', async () => {
    const exported = new Exported();
    exported.metrics.ledger.settled(1_700_000_000_000, [200, 7000]);
    const [last] = await exported.read('spikegate_ledger_last_settle_timestamp_seconds');
    assert.equal(last?.value, 1_700_000_000);
    const lags = await exported.read('spikegate_ledger_settle_lag_seconds_bucket');
    const upTo = (le: string) => lags.find(({ labels }) => labels.le === le)?.value;
    assert.deepEqual([upTo('1'), upTo('5'), upTo('10')], [1, 1, 2]);
  });

  it('tell when the certificates expire', async () => {
    const exported = new Exported();
    exported.certificates = { serving: 100, ca: 200 };
    const values = (await exported.read('spikegate_certificate_expiry_timestamp_seconds')).map(
      ({ labels, value }) => [labels.certificate, value],
    );
    assert.deepEqual(values, [
      ['serving', 100],
      ['ca', 200],
    ]);
  });
});

describe('metrics of the stock', () => {
  it('are what the cache says when it is asked, and go with their goods', async () => {
    const exported = new Exported();
    exported.goods = [
      goods('apple', { num: 3, reserved: 2, holds: formatHolds([hold('a', 1), hold('b', 2)]) }),
      goods('berry'),
    ];
    assert.deepEqual(await stockOf(exported), { 'shop/apple': [2, 2, 3, 3], 'shop/berry': [10, 0, 0, 0] });
    exported.goods = exported.goods.slice(1);
    assert.deepEqual(await stockOf(exported), { 'shop/berry': [10, 0, 0, 0] });
    assert.deepEqual(
      (await exported.read('spikegate_cache_objects')).map(({ labels, value }) => [labels.kind, value]),
      [
        ['SpikeGoods', 1],
        ['SpikeOrder', 3],
      ],
    );
  });

  it('have a ceiling: what is over it is summed, and counted', async () => {
    const exported = new Exported(2);
    exported.goods = ['a', 'b', 'c', 'd'].map((name) => goods(name, { num: 1, reserved: 2 }));
    assert.deepEqual(await stockOf(exported), {
      'shop/a': [7, 2, 1, 0],
      'shop/b': [7, 2, 1, 0],
      [`${others}/${others}`]: [14, 4, 2, 0],
    });
    const counts = await exported.read('spikegate_stock_goods');
    assert.deepEqual(
      counts.map(({ labels, value }) => [labels.series, value]),
      [
        ['own', 2],
        ['summed', 2],
      ],
    );
  });

  it('are of the same goods in every replica, whatever the order of its cache: those not over, the older first', () => {
    const all = [
      goods('old and over', { phase: 'Ended' }),
      goods('b'),
      goods('c', { phase: 'SoldOut' }),
      goods('d'),
      goods('over', { phase: 'Ended' }),
      goods('e'),
    ];
    const names = (most: number, list: SpikeGoods[]) =>
      byCeiling(list, most).own.map(({ metadata }) => metadata.name);
    for (const list of [all, all.toReversed(), [...all.slice(3), ...all.slice(0, 3)]]) {
      assert.deepEqual(names(3, list), ['b', 'c', 'd']);
      assert.deepEqual(names(5, list), ['b', 'c', 'd', 'e', 'old and over']);
      assert.deepEqual(names(0, list), []);
      for (const most of [0, 3, 9]) {
        const { own, summed } = byCeiling(list, most);
        assert.deepEqual(new Set([...own, ...summed]), new Set(all));
      }
    }
  });

  it('tell the age of the oldest hold of all goods', async () => {
    const exported = new Exported();
    const at = (seconds: number) => new Date(exported.clock.now() - seconds * 1000).toISOString();
    exported.goods = [
      goods('apple', { holds: formatHolds([hold('a', 1, at(10)), hold('b', 1, at(70))]) }),
      goods('berry'),
    ];
    assert.equal((await exported.read('spikegate_ledger_oldest_hold_seconds'))[0]?.value, 70);
    exported.goods = [];
    assert.equal((await exported.read('spikegate_ledger_oldest_hold_seconds'))[0]?.value, 0);
  });
});
