// An ElasticWeb that names no Prometheus server follows the one of `serve --prometheus-server`, and says so.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { parse } from 'yaml';
import { ElasticWeb } from '../../src/api/elastic-web.ts';
import { Lab, soon } from './lab.ts';

const samples = join(import.meta.dirname, '..', '..', 'manifests', 'samples');
const second = parse(readFileSync(join(samples, 'elasticweb-prometheus.yaml'), 'utf8'));

describe('an ElasticWeb that names no Prometheus server', { timeout: 120_000 }, () => {
  const queries: string[] = [];
  let lab: Lab;
  let prometheus: Server;
  let server: string;
  /** What it answers; undefined: HTTP 503. */
  let qps: number | undefined = 170;

  before(async () => {
    prometheus = createServer((request, response) => {
      queries.push(new URL(request.url ?? '', 'http://x').searchParams.get('query') ?? '');
      const result = [{ metric: {}, value: [1, String(qps)] }];
      response.statusCode = qps === undefined ? 503 : 200;
      response.end(JSON.stringify({ status: 'success', data: { resultType: 'vector', result } }));
    });
    await new Promise<void>((done) => prometheus.listen(0, '127.0.0.1', done));
    server = `http://127.0.0.1:${(prometheus.address() as AddressInfo).port}`;
    lab = await Lab.open();
    await lab.lead({ prometheusServer: server });
  });
  after(async () => {
    await lab.close();
    prometheus.close();
  });

  const status = async (namespace: string, name: string) =>
    (await lab.client.get(ElasticWeb, { namespace, name })).status;
  const condition = async (namespace: string, name: string) =>
    (await status(namespace, name))?.conditions?.find(({ type }) => type === 'MetricsAvailable');
  const tried = () => `${server} (serve --prometheus-server; spec.metrics.server is not set)`;

  it('follows the default one where its pods serve metrics: the second sample, as it lies there', async () => {
    const namespace = await lab.namespace();
    await lab.create(ElasticWeb, namespace, 'live', { spec: second.spec });
    await soon(async () => {
      const { desiredReplicas, observedQPS } = (await status(namespace, 'live')) ?? {};
      assert.deepEqual([observedQPS, desiredReplicas], [170, 4]);
    }, 60_000);
    assert.equal(
      (await condition(namespace, 'live'))?.message,
      `requests per second are those of ${tried()}`,
    );
    assert.ok(
      queries.includes(
        `sum(rate(http_server_requests_seconds_count{namespace="${namespace}",app_kubernetes_io_name="elasticweb",app_kubernetes_io_instance="live"}[1m]))`,
      ),
      queries[0],
    );
  });

  it('says what was tried when it does not answer, and totalQPS counts', async () => {
    qps = undefined;
    const namespace = await lab.namespace();
    const { mtargetPort: _, ...spec } = second.spec;
    await lab.create(ElasticWeb, namespace, 'live', {
      spec: { ...spec, totalQPS: 60, metrics: { timeout: '1s' } },
    });
    await soon(async () => {
      const { status, message } = (await condition(namespace, 'live')) ?? {};
      assert.equal(status, 'False');
      assert.equal(message, `${tried()}: HTTP 503; there was no answer yet, totalQPS counts: 2 pods`);
    }, 60_000);
    assert.equal((await status(namespace, 'live'))?.desiredReplicas, 2);
  });

  it('is asked by nobody without metrics, and without pods', async () => {
    const namespace = await lab.namespace();
    const { mtargetPort: _, ...spec } = second.spec;
    await lab.create(ElasticWeb, namespace, 'plain', { spec });
    await lab.create(ElasticWeb, namespace, 'none', {
      spec: { ...second.spec, totalQPS: 0, minReplicas: 0 },
    });
    for (const name of ['plain', 'none']) {
      await soon(async () => assert.equal((await status(namespace, name))?.phase, 'Ready'), 60_000);
      assert.equal(await condition(namespace, name), undefined);
    }
    assert.equal((await status(namespace, 'none'))?.desiredReplicas, 0);
  });
});
