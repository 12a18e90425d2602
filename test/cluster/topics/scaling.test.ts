// Pods follow the load, each kind by what really measures it: an ElasticWeb by Prometheus, a Seckill by the CPU that
// metrics-server tells its HorizontalPodAutoscaler and by the lag of a Kafka group that KEDA asks for. Up and down.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { ElasticWeb } from '../../../src/api/elastic-web.ts';
import { Seckill } from '../../../src/api/seckill.ts';
import { callApi } from '../../control-plane/api.ts';
import { eventually } from '../../e2e/world.ts';
import { figure, Lab, seconds } from '../harness.ts';
import { kafkaImage, packKafkaImage, webImage } from '../images.ts';
import {
  type Installed,
  installKeda,
  installMetricsServer,
  installPrometheusOperator,
  loadImage,
  startPrometheus,
} from '../third-party.ts';

/** An autoscaler looks every 5 s here, and waits 15 s before it takes pods away (configuration.ts). */
const withinMs = 180_000;

describe('scaling', () => {
  let lab: Lab;
  let installed: Installed[];
  before(async () => {
    lab = await Lab.open();
    await lab.install();
    installed = await Promise.all([
      installMetricsServer(lab),
      installKeda(lab),
      installPrometheusOperator(lab),
    ]);
    await loadImage(lab, packKafkaImage);
  });
  after(async () => {
    await lab.uninstall();
    for (const each of installed) await each.remove();
    lab.close();
  });

  /** Of a Deployment: how many pods it has ready. */
  const readyPods = async (namespace: string, name: string): Promise<number> => {
    const ready = ['-o', 'jsonpath={.status.readyReplicas}'];
    return Number(await lab.kubectl(['get', 'deployment', name, '--namespace', namespace, ...ready]));
  };
  const untilReady = (namespace: string, name: string, holds: (pods: number) => boolean) =>
    seconds(() =>
      eventually(async () => {
        const pods = await readyPods(namespace, name);
        assert.ok(holds(pods), `${name} has ${pods} pods ready`);
      }, withinMs),
    );

  /** Requests to a service, through the API server, until it is stopped: `atOnce` of them on the way. Their answers do not matter. */
  const load = (namespace: string, service: string, atOnce: number, path = '') => {
    const stop = new AbortController();
    const url = `/api/v1/namespaces/${namespace}/services/${service}/proxy/${path}`;
    const one = async () => {
      while (!stop.signal.aborted) await callApi(lab.cluster, 'GET', url).catch(() => delay(100));
    };
    const all = Promise.all(Array.from({ length: atOnce }, one));
    return async () => {
      stop.abort();
      await all;
    };
  };

  test('an ElasticWeb follows its requests per second in Prometheus, up and down', async (t) => {
    const namespace = await lab.namespace(t);
    await startPrometheus(lab, namespace);
    const name = 'web';
    await lab.client.create(ElasticWeb, {
      apiVersion: 'elasticweb.example.com/v1',
      kind: 'ElasticWeb',
      metadata: { namespace, name },
      spec: {
        image: webImage,
        serviceType: 'ClusterIP',
        port: 80,
        podPort: 8080,
        targetPort: 8080,
        mtargetPort: 8080,
        metricsPath: '/metrics',
        singlePodQPS: 5,
        totalQPS: 5,
        minReplicas: 1,
        maxReplicas: 3,
        metrics: {
          server: `http://prometheus-operated.${namespace}.svc:9090`,
          window: '20s',
          interval: '5s',
          stabilization: '10s',
        },
      },
    });
    await untilReady(namespace, name, (pods) => pods === 1);
    const stop = load(namespace, `${name}:http-traffic`, 4);
    t.after(stop);
    figure(
      'scaling',
      'ElasticWeb: load until 3 pods are ready',
      await untilReady(namespace, name, (pods) => pods === 3),
      's',
    );
    await stop();
    figure(
      'scaling',
      'ElasticWeb: end of the load until 1 pod is left',
      await untilReady(namespace, name, (pods) => pods === 1),
      's',
    );
    const { status } = await lab.client.get(ElasticWeb, { namespace, name });
    assert.equal(status?.replicas, 1);
  });

  test('a HorizontalPodAutoscaler scales a service of a Seckill by its CPU, up and down', async (t) => {
    const namespace = await lab.namespace(t);
    await lab.client.create(Seckill, {
      apiVersion: 'ops.couponkill.io/v1',
      kind: 'Seckill',
      metadata: { namespace, name: 'sale' },
      spec: {
        services: { orderService: service('50m') },
        scaling: {
          hpa: { enabled: true, minReplicas: 1, maxReplicas: 3, targetCPUUtilizationPercentage: 50 },
        },
      },
    });
    await untilReady(namespace, 'sale-order', (pods) => pods === 1);
    const stop = load(namespace, 'sale-order-svc:http', 2, 'busy');
    t.after(stop);
    figure(
      'scaling',
      'Seckill by CPU: load until 2 pods are ready',
      await untilReady(namespace, 'sale-order', (pods) => pods >= 2),
      's',
    );
    await stop();
    figure(
      'scaling',
      'Seckill by CPU: end of the load until 1 pod is left',
      await untilReady(namespace, 'sale-order', (pods) => pods === 1),
      's',
    );
  });

  test("a ScaledObject scales a Seckill's consumer by the lag of its Kafka group, up and down", async (t) => {
    const namespace = await lab.namespace(t);
    const broker = await startKafka(lab, namespace);
    await lab.client.create(Seckill, {
      apiVersion: 'ops.couponkill.io/v1',
      kind: 'Seckill',
      metadata: { namespace, name: 'sale' },
      spec: {
        services: { goService: service('10m') },
        scaling: {
          hpa: { enabled: false, minReplicas: 1, maxReplicas: 3 },
          keda: {
            enabled: true,
            kafkaScaler: {
              bootstrapServers: broker,
              consumerGroup: kafka.group,
              topic: kafka.topic,
              lagThreshold: '5',
            },
          },
        },
      },
    });
    await untilReady(namespace, 'sale-go', (pods) => pods === 1);
    const ask = (path: string) => lab.askService('POST', namespace, 'kafka:http', path);
    await ask('produce?n=10');
    figure(
      'scaling',
      'Seckill by lag: records until 3 pods are ready',
      await untilReady(namespace, 'sale-go', (pods) => pods === 3),
      's',
    );
    await ask('consume');
    figure(
      'scaling',
      'Seckill by lag: records consumed until 1 pod is left',
      await untilReady(namespace, 'sale-go', (pods) => pods === 1),
      's',
    );
  });
});

const service = (cpu: string) => ({
  enabled: true,
  image: webImage,
  replicas: 1,
  resources: { requests: { cpu, memory: '16Mi' }, limits: { cpu: '500m', memory: '64Mi' } },
  ports: [{ name: 'http', port: 80, targetPort: 8080 }],
});

const kafka = { topic: 'seckill_order_create', group: 'seckill-go-group', partitions: 3 };

/** @returns where clients find the broker */
async function startKafka(lab: Lab, namespace: string): Promise<string> {
  const metadata = { name: 'kafka', namespace, labels: { app: 'kafka' } };
  const address = `kafka.${namespace}.svc:9092`;
  const ports = [
    { name: 'kafka', port: 9092 },
    { name: 'http', port: 8080 },
  ];
  const args = [address, kafka.topic, String(kafka.partitions), kafka.group];
  await lab.cluster.applyAll([
    { apiVersion: 'v1', kind: 'Service', metadata, spec: { selector: metadata.labels, ports } },
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata,
      spec: { containers: [{ name: 'kafka', image: kafkaImage, imagePullPolicy: 'Never', args }] },
    },
  ]);
  await lab.kubectl([
    'wait',
    '--for=condition=Ready',
    'pod/kafka',
    '--namespace',
    namespace,
    '--timeout=120s',
  ]);
  return address;
}
