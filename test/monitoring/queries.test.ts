// Every query of every dashboard and alert names only metrics, labels and label values that the program exports.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { dashboard as seckillDashboard } from '../../src/controllers/seckill/dashboard.ts';
import type { Panel } from '../../src/monitoring/grafana.ts';
import { operatorDashboard } from '../../src/monitoring/operator-dashboard.ts';
import { ruleGroups } from '../../src/monitoring/rules.ts';
import { saleDashboard } from '../../src/monitoring/sale-dashboard.ts';
import { Exported } from './exported.ts';
import { readQuery } from './promql.ts';

const queriesOf = (panels: readonly Pick<Panel, 'queries' | 'title'>[]) =>
  panels.flatMap(({ title, queries }) => queries.map(({ expr }) => [title, expr] as const));
const dashboards = {
  Sale: queriesOf(saleDashboard.panels),
  Operator: queriesOf(operatorDashboard.panels),
};
const alerts = ruleGroups.flatMap(({ alerts }) => alerts.map(({ alert, expr }) => [alert, expr] as const));

/** What Prometheus adds to every series of a target. */
const targetLabels = ['job', 'instance'];

/** Label values by label, by the names that series have. */
type Exports = Map<string, Map<string, Set<string>>>;

interface Measured {
  name: string;
  type: string;
  labelNames: string[];
  get(): Promise<{ values: { labels: Record<string, string | number> }[] }>;
}

async function exportsOf({ metrics }: Exported): Promise<Exports> {
  const found: Exports = new Map();
  for (const metric of metrics.registry.getMetricsAsArray()) {
    const { name, type, labelNames, get } = metric as unknown as Measured;
    const { values } = await get.call(metric);
    const labels = new Map(labelNames.map((label) => [label, new Set<string>()]));
    for (const { labels: of } of values) {
      for (const [label, value] of Object.entries(of)) labels.get(label)?.add(String(value));
    }
    if (type !== 'histogram') {
      found.set(name, labels);
      continue;
    }
    found.set(`${name}_sum`, labels);
    found.set(`${name}_count`, labels);
    found.set(`${name}_bucket`, new Map([...labels, ['le', new Set<string>()]]));
  }
  return found;
}

/** What a query asks for that is not there, in words. */
function missing(query: string, exports: Exports): string[] {
  const { selectors, labels } = readQuery(query);
  const wrong: string[] = [];
  const known = new Set(targetLabels);
  for (const { metric, matchers } of selectors) {
    const exported = exports.get(metric);
    if (!exported) {
      wrong.push(`no metric ${metric}`);
      continue;
    }
    for (const label of exported.keys()) known.add(label);
    for (const { label, op, value } of matchers) {
      const values = exported.get(label);
      if (!values) wrong.push(`${metric} has no label ${label}`);
      // Names of goods and namespaces are not known here; all others begin at 0.
      else if (values.size > 0 && op.startsWith('=')) {
        const wanted = new RegExp(`^(?:${value})$`);
        if (![...values].some((it) => (op === '=' ? it === value : wanted.test(it))))
          wrong.push(`no ${metric}{${label}="${value}"}, there are ${[...values].join(', ')}`);
      }
    }
  }
  for (const label of labels) if (!known.has(label)) wrong.push(`no label ${label}`);
  return wrong;
}

describe('every query names only what is exported:', () => {
  for (const [name, queries] of Object.entries({ ...dashboards, 'alert rules': alerts })) {
    it(name, async () => {
      const exports = await exportsOf(new Exported());
      assert.ok(queries.length >= 15);
      const wrong = queries.flatMap(([title, expr]) =>
        missing(expr, exports).map((what) => `${title}: ${what} (${expr})`),
      );
      assert.deepEqual(wrong, []);
    });
  }

  it("a Seckill's dashboard, as far as it asks for metrics of ours", async () => {
    const exports = await exportsOf(new Exported());
    const text = seckillDashboard({
      name: 'sale',
      namespace: 'shop',
      services: [{ short: 'go', deployment: 'sale-go' }],
      topic: { topic: 't', consumerGroup: 'g' },
    });
    const { panels } = JSON.parse(text) as { panels: { targets: { expr: string }[] }[] };
    const all = panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
    const foreign = /^(kube_|container_|kafka_|up$)/;
    const own = all.filter((expr) => !readQuery(expr).selectors.every(({ metric }) => foreign.test(metric)));
    assert.ok(own.length >= 4 && own.length < all.length);
    assert.deepEqual(
      own.flatMap((expr) => missing(expr, exports)),
      [],
    );
  });

  it('else it would be told', async () => {
    const exports = await exportsOf(new Exported());
    const told = (query: string) => missing(query, exports).join('; ');
    assert.equal(
      told('sum(rate(spikegate_order_admission_total[5m]))'),
      'no metric spikegate_order_admission_total',
    );
    assert.equal(told('workqueue_depth{queue="x"}'), 'workqueue_depth has no label queue');
    assert.match(
      told('spikegate_order_admissions_total{reason="Soldout"}'),
      /^no .*reason="Soldout".*SoldOut/,
    );
    assert.match(told('controller_runtime_webhook_requests_total{code=~"6.."}'), /^no .*code="6\.\."/);
    assert.equal(told('sum by (kind) (workqueue_depth)'), 'no label kind');
    assert.equal(told('sum by (le) (spikegate_ledger_write_seconds_bucket)'), '');
  });
});

describe('the reader of queries', () => {
  it('finds metrics, matchers and labels', () => {
    assert.deepEqual(
      readQuery(
        'histogram_quantile(0.99, sum by (le, webhook) (rate(a_bucket{x="y{1}",z=~"5.."}[5m])))' +
          ' / on (job) group_left (k) b:c offset 5m > bool 1e3 and sum(d) by (e) - time()',
      ),
      {
        selectors: [
          {
            metric: 'a_bucket',
            matchers: [
              { label: 'x', op: '=', value: 'y{1}' },
              { label: 'z', op: '=~', value: '5..' },
            ],
          },
          { metric: 'b:c', matchers: [] },
          { metric: 'd', matchers: [] },
        ],
        labels: ['le', 'webhook', 'job', 'k', 'e'],
      },
    );
  });
});

describe('a dashboard', () => {
  for (const { title, uid, panels } of [saleDashboard, operatorDashboard]) {
    it(`${title}: every panel says what it shows, under a title of its own`, () => {
      assert.ok(uid.length <= 40);
      assert.equal(new Set(panels.map((panel) => panel.title)).size, panels.length);
      for (const panel of panels) assert.match(panel.description, /\.$/, panel.title);
    });
  }
});
