// ElasticWeb and a real Prometheus server (Debian's package) that scrapes a real HTTP service of this test under real
// load: pods are added, stay when Prometheus is away, and go when the load goes.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, get, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ElasticWeb } from '../../src/api/elastic-web.ts';
import { freePort } from '../../src/local/start.ts';
import { ended, skipWithout, startPrometheus } from '../prometheus.ts';
import { elasticWeb } from '../refusals/elastic-web.ts';
import { Lab, pause, soon } from './lab.ts';

const skip = skipWithout('prometheus');

/** Counts what it serves, as Spring's Actuator does; two replicas of it are two targets. */
class Service {
  count = 0;
  readonly server: Server;

  constructor() {
    this.server = createServer((request, response) => {
      if (request.url !== '/metrics') this.count++;
      const sample = `http_server_requests_seconds_count{uri="/"} ${this.count}\n`;
      response.end(`# TYPE http_server_requests_seconds_count counter\n${sample}`);
    }).listen(0, '127.0.0.1');
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }
}

/** About `qps` requests a second to both, until it is stopped. */
function load(services: readonly Service[], qps: number): () => void {
  let turn = 0;
  const timer = setInterval(() => {
    const { port } = services[turn++ % services.length]!;
    get({ host: '127.0.0.1', port, path: '/' }, (response) => response.resume()).on('error', () => {});
  }, 1000 / qps);
  return () => clearInterval(timer);
}

/** The labels of a pod, as our ServiceMonitor copies them. */
const ofPod = (web: string): string =>
  `app_kubernetes_io_name: elasticweb, app_kubernetes_io_instance: ${web}`;

function configOf(namespace: string, services: readonly Service[]): string {
  const targets = [...services.entries()].map(
    ([index, service]) =>
      `      - targets: ['127.0.0.1:${service.port}']\n        labels: {namespace: ${namespace}, pod: web-5d9c7b-a${index}bcd, ${ofPod('web')}}\n`,
  );
  // Another workload of the namespace, whose load is not ours.
  const other = `      - targets: ['127.0.0.1:${services[0]!.port}']\n        labels: {namespace: ${namespace}, pod: web-b5d9c7b-abcde, ${ofPod('web-b5d9c7b')}}\n`;
  return `global: {scrape_interval: 250ms, scrape_timeout: 200ms}\nscrape_configs:\n  - job_name: web\n    static_configs:\n${targets.join('')}${other}`;
}

test('pods follow the requests per second that Prometheus sees', { skip, timeout: 120_000 }, async () => {
  const dir = mkdtempSync(join(tmpdir(), 'spikegate-prometheus-'));
  const services = [new Service(), new Service()];
  const lab = await Lab.open();
  const namespace = await lab.namespace();
  const port = await freePort();
  let prometheus = startPrometheus(dir, port, configOf(namespace, services));
  let stopLoad = () => {};
  try {
    await lab.lead();
    const metrics = {
      server: `http://127.0.0.1:${port}`,
      window: '3s',
      interval: '1s',
      stabilization: '3s',
      timeout: '1s',
      maxStepUp: 10,
    };
    const spec = { ...elasticWeb().spec, singlePodQPS: 20, totalQPS: 10, maxReplicas: 8, metrics };
    await lab.create(ElasticWeb, namespace, 'web', { spec });
    const web = () => lab.client.get(ElasticWeb, { namespace, name: 'web' });
    const available = async () =>
      (await web()).status?.conditions?.find(({ type }) => type === 'MetricsAvailable');
    const pods = (least: number, most: number) =>
      soon(async () => {
        const { status } = await web();
        const ready = status?.readyReplicas ?? -1;
        assert.ok(ready >= least && ready <= most, JSON.stringify(status));
        assert.equal(status?.realQPS, ready * 20);
      }, 20_000);

    await pods(1, 1);
    await soon(async () => assert.equal((await available())?.status, 'True'), 20_000);
    stopLoad = load(services, 90);
    // 90 a second, or what this machine gets out, at 20 a pod; the other workload's share would make it 7 and more.
    await pods(4, 5);
    assert.ok(lab.events.some(({ reason, message }) => reason === 'Scaled' && /^from 1 to/.test(message)));

    // A counter that begins again at 0 is no negative load.
    for (const service of services) service.count = 0;
    await pause(1500);
    await pods(4, 5);

    await ended(prometheus);
    await soon(async () => {
      const condition = await available();
      assert.equal(condition?.status, 'False');
      assert.equal(condition?.reason, 'Unreachable');
      assert.match(
        condition?.message ?? '',
        /ECONNREFUSED; the last good answer, \d+ QPS at .* is kept: [45] pods/,
      );
    }, 20_000);
    const { status } = await web();
    assert.ok((status?.observedQPS ?? 0) > 50);
    // A new leader goes on with what the old one knew, though nobody answers it.
    await lab.stopLeader();
    await lab.lead();
    await pause(2500);
    assert.ok(((await web()).status?.desiredReplicas ?? 0) >= 4);

    prometheus = startPrometheus(dir, port, configOf(namespace, services));
    await soon(async () => assert.equal((await available())?.status, 'True'), 20_000);
    await pods(4, 5);
    stopLoad();
    await pods(1, 1);
    assert.equal((await available())?.status, 'True');
  } finally {
    stopLoad();
    await ended(prometheus);
    await lab.close();
    for (const { server } of services) server.close();
    rmSync(dir, { recursive: true, force: true });
  }
});
