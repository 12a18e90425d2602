// A small sale with two replicas of `serve`, scraped by a real Prometheus: every query of every dashboard returns
// data, every rule can be evaluated, and stock that both replicas tell is not counted twice.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse, stringify } from 'yaml';
import { freePort } from '../../src/local/start.ts';
import type { Panel } from '../../src/monitoring/grafana.ts';
import { operatorDashboard } from '../../src/monitoring/operator-dashboard.ts';
import { stock } from '../../src/monitoring/queries.ts';
import { saleDashboard } from '../../src/monitoring/sale-dashboard.ts';
import { orderManifest, saleManifest } from '../e2e/sale.ts';
import { openTarget } from '../e2e/targets.ts';
import { eventually, refused, World } from '../e2e/world.ts';
import { ended, skipWithout, startPrometheus } from '../prometheus.ts';

const manifests = join(import.meta.dirname, '..', '..', 'manifests', 'monitoring');
const units = 12;

function configOf(ports: readonly number[]): string {
  return stringify({
    global: { scrape_interval: '500ms', scrape_timeout: '400ms', evaluation_interval: '1s' },
    rule_files: ['rules.yaml'],
    scrape_configs: [
      {
        job_name: 'spikegate-metrics',
        // As the ServiceMonitor has it: the pod's namespace does not take the place of the goods'.
        honor_labels: true,
        static_configs: [
          { targets: ports.map((port) => `127.0.0.1:${port}`), labels: { namespace: 'spikegate-system' } },
        ],
      },
    ],
  });
}

class Prometheus {
  readonly #url: string;
  constructor(port: number) {
    this.#url = `http://127.0.0.1:${port}/api/v1`;
  }

  // biome-ignore lint/suspicious/noExplicitAny: what the API answers depends on the path
  async #get(path: string, query: Record<string, string> = {}): Promise<any> {
    const answer = await fetch(`${this.#url}/${path}?${new URLSearchParams(query)}`);
    const body = (await answer.json()) as { status: string; error?: string; data: unknown };
    assert.equal(body.status, 'success', `${query.query}: ${body.error}`);
    return body.data;
  }

  /** Values by the text of their labels. */
  async now(query: string): Promise<Map<string, number>> {
    const { result } = await this.#get('query', { query });
    return new Map(
      result.map(({ metric, value }: { metric: Record<string, string>; value: [number, string] }) => [
        Object.values(metric).sort().join(' '),
        Number(value[1]),
      ]),
    );
  }

  /** All values, of all series, since then. */
  async since(from: number, query: string): Promise<number[]> {
    const range = { start: String(from / 1000), end: String(Date.now() / 1000), step: '1s' };
    const { result } = await this.#get('query_range', { query, ...range });
    return result.flatMap(({ values }: { values: [number, string][] }) =>
      values.map(([, value]) => Number(value)),
    );
  }

  async rules(): Promise<{ name: string; health: string; lastError?: string }[]> {
    const { groups } = await this.#get('rules');
    return groups.flatMap(({ rules }: { rules: [] }) => rules);
  }
}

/** As Grafana fills it in, for a scrape twice a second. */
const filledIn = (expr: string) => expr.replaceAll('$__rate_interval', '4s').replaceAll('$namespace', '.*');

const queriesOf = (panels: readonly Panel[]) =>
  panels.flatMap(({ title, queries }) => queries.map(({ expr }) => ({ title, expr: filledIn(expr) })));

test('every dashboard query returns data, and stock is counted once', {
  skip: skipWithout('prometheus'),
  timeout: 180_000,
}, async () => {
  const target = await openTarget('sandbox');
  assert.ok(!('skip' in target));
  const world = await World.open(target);
  const directory = mkdtempSync(join(tmpdir(), 'spikegate-prometheus-'));
  let server: ReturnType<typeof startPrometheus> | undefined;
  try {
    await world.serve(2, { 'payment-window': '3s' });
    const { spec } = parse(readFileSync(join(manifests, 'prometheus-rule.yaml'), 'utf8'));
    writeFileSync(join(directory, 'rules.yaml'), stringify(spec));
    const port = await freePort();
    server = startPrometheus(directory, port, configOf(world.replicas.map(({ metricsPort }) => metricsPort)));
    const prometheus = new Prometheus(port);
    await eventually(async () => assert.equal((await prometheus.now('up == 1')).size, 2));
    const began = Date.now();
    const namespace = await world.namespace();
    await sell(world, namespace);

    const all = [...queriesOf(saleDashboard.panels), ...queriesOf(operatorDashboard.panels)];
    await eventually(async () => {
      const empty: string[] = [];
      for (const { title, expr } of all) {
        const values = await prometheus.since(began, expr);
        if (!values.some(Number.isFinite)) empty.push(`${title}: ${expr}`);
      }
      assert.deepEqual(empty, []);
    });

    const broken = (await prometheus.rules()).filter(({ health }) => health !== 'ok');
    assert.deepEqual(broken, []);

    // What both replicas tell, once: 4 paid, the rest expired or never was.
    await eventually(async () => {
      const of = async (level: string) =>
        [...(await prometheus.now(stock(level, `namespace="${namespace}"`)))].map(([, value]) => value);
      assert.deepEqual(await Promise.all(['available', 'reserved', 'sold', 'held'].map(of)), [
        [units - 4],
        [0],
        [4],
        [0],
      ]);
    });
    const counted = await prometheus.now(
      'sum by (outcome, reason) (spikegate_order_admissions_total{operation="CREATE"}) > 0',
    );
    assert.deepEqual(
      counted,
      new Map([
        ['Accepted accepted', 8],
        ['InsufficientStock refused', 3],
        ['BuyerNotFound refused', 1],
      ]),
    );
    assert.deepEqual(
      await prometheus.now('sum by (phase) (spikegate_order_phases_total) > 0'),
      new Map([
        ['Unpaid', 8],
        ['Paid', 4],
        ['Expired', 4],
      ]),
    );
  } finally {
    if (server) await ended(server);
    await world.close();
    rmSync(directory, { recursive: true });
  }
});

/** Eight orders, of which four are paid and four expire; three that ask for too much, and one of a stranger. */
async function sell(world: World, namespace: string): Promise<void> {
  await world.create(namespace, saleManifest({ stock: units, price: 1000, spikePrice: 800 }));
  for (let number = 0; number < 8; number++) {
    const name = `order${number}`;
    await eventually(() =>
      world.create(namespace, orderManifest({ name, buyer: 'buyer1', goods: { goods1: 1 } })),
    );
    if (number % 2 === 0) await world.pay(namespace, name);
    if (number < 4) await beat();
  }
  const ask = (name: string, buyer: string, quantity: number) =>
    refused(world.create(namespace, orderManifest({ name, buyer, goods: { goods1: quantity } })));
  for (const number of [1, 2, 3])
    assert.equal((await ask(`many${number}`, 'buyer1', 50)).reason, 'InsufficientStock');
  assert.equal((await ask('stranger', 'nobody', 1)).reason, 'BuyerNotFound');
  await eventually(async () => {
    const phases = (await world.orders(namespace)).map(({ status }) => status?.phase);
    assert.deepEqual(phases.filter((phase) => phase === 'Expired').length, 4, phases.join());
  });
}

/** Rates need time between what they count. */
const beat = () => new Promise((resolve) => setTimeout(resolve, 700));
