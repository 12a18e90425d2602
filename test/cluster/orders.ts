// Orders at a steady rate while something happens to the cluster, and what became of them.
import assert from 'node:assert/strict';
import { SpikeGoods } from '../../src/api/spike-goods.ts';
import { SpikeOrder } from '../../src/api/spike-order.ts';
import { Observer } from '../e2e/observer.ts';
import { saleManifest } from '../e2e/sale.ts';
import { type Outcome, SteadyOrders } from '../e2e/steady.ts';
import { eventually } from '../e2e/world.ts';
import { figure, type Lab } from './harness.ts';

const perSecond = 20;
/** Of goods2, an order in four: it sells out on the way, so that refusals are judged as well. */
const scarce = 40;
/** Before and after what happens. */
const calmMs = 1_500;

export interface Run {
  /** Every order but those of goods2 that were refused as sold out. */
  outcomes: Outcome[];
  accepted: Outcome[];
  failed: Outcome[];
}

interface Test {
  after(hook: () => Promise<void>): void;
  diagnostic(text: string): void;
}

/** `work` under orders, none of which may fail. */
export async function underOrders(lab: Lab, t: Test, what: string, work: () => Promise<void>): Promise<Run> {
  const run = await whileOrdering(lab, t, what, work);
  const reasons = new Set(run.failed.map(({ error }) => error?.message));
  assert.equal(
    run.failed.length,
    0,
    `${run.failed.length} of ${run.outcomes.length}: ${[...reasons].join('\n')}`,
  );
  return run;
}

/** `work` under orders. Whatever becomes of them, the books are exact and no unit is sold twice. */
export async function whileOrdering(
  lab: Lab,
  t: Test,
  what: string,
  work: () => Promise<void>,
): Promise<Run> {
  const namespace = await lab.namespace(t);
  const goods = ['goods1', 'goods2'];
  await eventually(() =>
    lab.kubectl(
      ['apply', '-n', namespace, '-f', '-'],
      saleManifest({ stock: 100_000, price: 10, spikePrice: 8, goods }),
    ),
  );
  const few = { spec: { stockCount: scarce } };
  await lab.client.patch(SpikeGoods, { namespace, name: 'goods2' }, few, { type: 'merge' });
  const observer = await Observer.start(lab.client, namespace);
  const orders = new SteadyOrders(lab, namespace, {
    perSecond,
    goods: (index) => goods[index % 4 === 3 ? 1 : 0]!,
    isPaid: (index) => index % 3 === 0,
  });
  const began = Date.now();
  try {
    await pause(calmMs);
    await work();
    await pause(calmMs);
  } finally {
    await orders.stop();
  }
  const outcomes = orders.outcomes.filter((it) => it.goods !== 'goods2' || it.error?.reason !== 'SoldOut');
  const accepted = outcomes.filter(({ error }) => !error);
  const failed = outcomes.filter(({ error }) => error);
  const { orders: inBooks } = await lab.assertBooks(namespace);
  const stored = new Map(
    (await lab.client.list(SpikeOrder, { namespace })).items.map((order) => [order.metadata.name, order]),
  );
  const lost = accepted.filter(({ name }) => !stored.has(name)).map(({ name }) => name);
  assert.deepEqual(lost, [], 'an order that was accepted is there');
  // Where the API server was away the observer has not seen all; the books are the judgement then.
  const most = await observer.stop().catch(() => undefined);
  assert.ok(
    (most?.get('goods2') ?? 0) <= scarce,
    `${most?.get('goods2')} of ${scarce} units were sold at once`,
  );

  const untilAnswered = longestPause(accepted) / 1000;
  const untilStatus = longestWait(accepted, stored) / 1000;
  figure(what, 'orders accepted, failed, in the books', `${accepted.length}, ${failed.length}, ${inBooks}`);
  figure(what, 'longest time without an accepted order', untilAnswered, 's');
  figure(what, 'longest time until an order has its status', untilStatus, 's');
  t.diagnostic(
    `${what}: ${accepted.length} accepted, ${failed.length} failed; at most ${untilAnswered.toFixed(1)} s without an accepted order, ${untilStatus.toFixed(1)} s until a status`,
  );
  for (const [message, all] of byMessage(failed)) {
    const [from, to] = [all[0]!, all.at(-1)!].map(({ sentAt }) => ((sentAt - began) / 1000).toFixed(1));
    t.diagnostic(`${all.length} × ${message} (sent ${from} to ${to} s after the first order)`);
  }
  return { outcomes, accepted, failed };
}

/** Milliseconds between two answers that followed one another. */
function longestPause(accepted: Outcome[]): number {
  const times = accepted.map(({ answeredAt }) => answeredAt).sort((a, b) => a - b);
  return times.reduce((most, time, i) => Math.max(most, i === 0 ? 0 : time - times[i - 1]!), 0);
}

/** Milliseconds from an order's answer to the state that the leader gave it. */
function longestWait(accepted: Outcome[], stored: Map<string, SpikeOrder>): number {
  const waits = accepted.map(({ name, answeredAt }) => {
    const [ready] = stored.get(name)?.status?.conditions ?? [];
    return ready ? Date.parse(ready.lastTransitionTime) - answeredAt : 0;
  });
  return Math.max(0, ...waits);
}

/** In the order in which they were sent. */
function byMessage(failed: Outcome[]): Map<string, Outcome[]> {
  const sent = failed.toSorted((a, b) => a.sentAt - b.sentAt);
  return Map.groupBy(sent, ({ error }) => error?.message.slice(0, 300) ?? '');
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
