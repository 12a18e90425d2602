// `npm run demo`: plays a whole sale in a sandbox, from the first seller to the last order that expires. It prints a
// table of results and compares each result with the expected one.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Buyer } from '../api/buyer.ts';
import { moneyText } from '../api/money.ts';
import { isLive } from '../api/sale.ts';
import { Seller } from '../api/seller.ts';
import { SpikeGoods } from '../api/spike-goods.ts';
import { SpikeOrder } from '../api/spike-order.ts';
import type { Client } from '../kube/client.ts';
import { loadConfig } from '../kube/config.ts';
import { ApiError } from '../kube/errors.ts';
import { createClient } from '../kube/json-client.ts';
import { startSale } from '../local/start.ts';
import type { Log } from '../runtime/log.ts';
import { startSandbox } from '../sandbox/index.ts';
import { type CrowdResult, crowd } from './crowd.ts';
import { Stage } from './stage.ts';

export interface DemoOptions {
  crowd: number;
  stock: number;
  /** Waits for a viewer of the board, and plays slowly. */
  watch: boolean;
}

const namespace = 'default';
const buyers = 20;
const price = 799_900;
const spikePrice = 599_900;
const currency = 'CNY';
/** Ms that a buyer has to pay. Longer than the crowd takes, but short: the demo waits for unpaid orders to expire. */
const paymentWindow = { quick: 20_000, watched: 60_000 };
/** Pause of each client between two orders in a watched demo. The sale then lasts half a minute instead of 3 s. */
const watchedPauseMs = 200;
/** Maximum time to wait for a viewer to open the board. */
const openTimeoutMs = 600_000;
/** Share of the accepted orders that are paid. The others expire. */
const paidShare = 0.6;
/** Number of clients that order at the same time. */
const clients = 32;

/** Plays the sale. Resolves to true when every result is as expected. */
export async function playDemo(options: DemoOptions): Promise<boolean> {
  const stage = new Stage(process.stdout);
  const dir = await mkdtemp(join(tmpdir(), 'spikegate-demo-'));
  const admissionTimes = new AdmissionTimes();
  stage.say('Starting a control plane and Spikegate in it …');
  const sandbox = await startSandbox({ dir });
  const paymentWindowMs = options.watch ? paymentWindow.watched : paymentWindow.quick;
  const sale = await startSale({
    kubeconfig: sandbox.kubeconfig,
    webhookClient: sandbox.webhookClient,
    log: admissionTimes,
    settings: { paymentWindow: paymentWindowMs },
    onLost: (why) => {
      throw new Error(why);
    },
  });
  const client = createClient(loadConfig({ file: sandbox.kubeconfig }), { maxSockets: clients + 4 });
  const board = `http://127.0.0.1:${sale.metricsPort}/board`;
  try {
    if (options.watch) {
      stage.say(`The sale begins when you open ${board}`);
      await until(async () => sale.viewers > 0, openTimeoutMs);
    } else stage.say(`Live at ${board} (npm run demo -- --watch waits for you there)`);
    const isRight = await play(stage, client, { ...options, paymentWindowMs }, admissionTimes);
    if (options.watch) {
      stage.say(`\n${board} stays until Ctrl-C.`);
      await new Promise((resolve) => process.once('SIGINT', resolve).once('SIGTERM', resolve));
    }
    return isRight;
  } finally {
    client.close();
    await sale.stop();
    await sandbox.stop();
    await rm(dir, { recursive: true, force: true });
  }
}

async function play(
  stage: Stage,
  client: Client,
  options: DemoOptions & { paymentWindowMs: number },
  admissionTimes: AdmissionTimes,
): Promise<boolean> {
  const { paymentWindowMs } = options;
  await createSale(stage, client, options);
  const { result, seconds } = await runCrowd(stage, client, options);
  const soldOut = result.refused.SoldOut ?? 0;
  stage.check('orders answered', result.accepted.length + soldOut, options.crowd);
  stage.check('orders accepted', result.accepted.length, Math.min(options.stock, options.crowd));
  stage.check('orders refused as sold out', soldOut, Math.max(0, options.crowd - options.stock));

  const paid = Math.round(result.accepted.length * paidShare);
  stage.say(`${paid} of the buyers pay, the others do not.`);
  for (const name of result.accepted.slice(0, paid)) {
    await client.patch(SpikeOrder, { namespace, name }, { spec: { isPay: true } }, { type: 'merge' });
  }
  await checkDeletion(stage, client, result.accepted[0] ?? '');
  stage.say(
    `Waiting for the deadline of the unpaid orders (${paymentWindowMs / 1000} s after they were made) …`,
  );
  await waitForExpiry(stage, client, result.accepted.length, paid, paymentWindowMs + 20_000);
  await checkBooks(stage, client, paid, options.stock);
  return stage.summary({
    'orders a second': (options.crowd / seconds).toFixed(0),
    'admission p50 / p99': `${admissionTimes.quantile(0.5)} / ${admissionTimes.quantile(0.99)} ms`,
  });
}

async function createSale(stage: Stage, client: Client, { stock }: DemoOptions): Promise<void> {
  stage.say(
    `A seller, ${buyers} buyers, and ${stock} phones at ${moneyText(spikePrice, currency)} instead of ${moneyText(price, currency)}.`,
  );
  const named = (kind: { apiVersion: string; kind: string }, name: string) => ({
    apiVersion: kind.apiVersion,
    kind: kind.kind,
    metadata: { name, namespace },
  });
  await client.create(Seller, { ...named(Seller, 'shop'), spec: { sellerPhone: '13800000000' } });
  for (let index = 0; index < buyers; index++) {
    const spec = { buyerName: `buyer ${index}`, address: 'Beijing', phone: '13900000000' };
    await client.create(Buyer, { ...named(Buyer, `buyer${index}`), spec });
  }
  await client.create(SpikeGoods, {
    ...named(SpikeGoods, 'phone'),
    spec: { goodsName: 'phone', sellerId: 'shop', price, spikePrice, currency, day: 1, stockCount: stock },
  });
  await until(
    async () => (await client.get(SpikeGoods, { namespace, name: 'phone' })).status?.phase === 'OnSale',
  );
}

async function runCrowd(
  stage: Stage,
  client: Client,
  options: DemoOptions,
): Promise<{ result: CrowdResult; seconds: number }> {
  stage.say(`A crowd of ${options.crowd} comes, ${clients} at a time.`);
  const started = performance.now();
  let answered = 0;
  const result = await crowd({
    client,
    namespace,
    clients,
    orders: options.crowd,
    buyer: (index) => `buyer${index % buyers}`,
    goods: () => ({ phone: 1 }),
    ...(options.watch ? { pauseMs: watchedPauseMs } : {}),
    onAnswer({ accepted, refused }) {
      answered++;
      const rate = answered / ((performance.now() - started) / 1000);
      const refusals = Object.values(refused).reduce((sum, count) => sum + count, 0);
      stage.progress(
        answered,
        options.crowd,
        `${accepted.length} accepted, ${refusals} refused, ${rate.toFixed(0)}/s`,
      );
    },
  });
  const seconds = (performance.now() - started) / 1000;
  stage.say(
    `  ${result.accepted.length} accepted, ${result.refused.SoldOut ?? 0} refused, in ${seconds.toFixed(1)} s`,
  );
  return { result, seconds };
}

async function checkDeletion(stage: Stage, client: Client, order: string): Promise<void> {
  const { spec } = await client.get(SpikeOrder, { namespace, name: order });
  const reason = await client.delete(Buyer, { namespace, name: spec.buyerId }).then(
    () => 'deleted',
    (error: unknown) => {
      if (!(error instanceof ApiError)) throw error;
      stage.say(`Deleting ${spec.buyerId}: ${error.message}`);
      return error.reason;
    },
  );
  stage.check('deleting a buyer with orders', reason, 'StillReferenced');
}

async function waitForExpiry(
  stage: Stage,
  client: Client,
  accepted: number,
  paid: number,
  withinMs: number,
): Promise<void> {
  await until(async () => {
    const { items } = await client.list(SpikeOrder, { namespace });
    const expired = items.filter((order) => order.status?.phase === 'Expired').length;
    stage.progress(expired, accepted - paid, 'expired');
    const { status } = await client.get(SpikeGoods, { namespace, name: 'phone' });
    return expired === accepted - paid && status?.reserved === 0;
  }, withinMs);
}

async function checkBooks(stage: Stage, client: Client, paid: number, stock: number): Promise<void> {
  const { items } = await client.list(SpikeOrder, { namespace });
  await until(async () => {
    const { status } = await client.get(Seller, { namespace, name: 'shop' });
    return status?.salesMoney === paid * spikePrice;
  }).catch(() => undefined);
  const { status } = await client.get(SpikeGoods, { namespace, name: 'phone' });
  const seller = await client.get(Seller, { namespace, name: 'shop' });
  stage.check('units sold, as the goods count them', status?.num ?? -1, paid);
  stage.check('units sold, as the orders add up', items.filter((order) => isLive(order)).length, paid);
  stage.check('units left, returned ones included', status?.lastStockCount ?? -1, stock - paid);
  const money = moneyText(paid * spikePrice, currency);
  stage.check("the seller's money", seller.status?.salesText ?? '', money);
}

async function until(condition: () => Promise<boolean>, withinMs = 15_000): Promise<void> {
  const end = performance.now() + withinMs;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`gave up after ${withinMs / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** A log that prints errors, and keeps the duration of each admission of an order. */
class AdmissionTimes implements Log {
  readonly #milliseconds: number[] = [];

  info(fields: object): void {
    const { step, operation, ms } = fields as { step?: string; operation?: string; ms?: number };
    if (step === 'validate' && operation === 'CREATE' && ms !== undefined) this.#milliseconds.push(ms);
  }

  debug(): void {}
  warn(): void {}

  error(fields: object, message: string): void {
    console.error(message, fields);
  }

  quantile(share: number): string {
    const sorted = this.#milliseconds.sort((a, b) => a - b);
    return (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0).toFixed(1);
  }
}
