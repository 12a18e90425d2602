// Everything that is refused about Seckills.
import { type Manifest, patched, type RefusalCase, there } from './scenario.ts';

const go = { enabled: true, image: 'shop/go:1.0' };

export const seckill = (name = 'seckill1', spec: object = {}): Manifest => ({
  apiVersion: 'ops.couponkill.io/v1',
  kind: 'Seckill',
  metadata: { name },
  spec: { services: { goService: go }, ...spec },
});

const withGo = (more: object): object => ({ services: { goService: { ...go, ...more } } });

/** What is wrong with a spec, however it comes to be so. */
const wrongSpecs: { what: string; spec: object; field: string; must: string }[] = [
  {
    what: 'without an image',
    spec: { services: { goService: { enabled: true, image: null } } },
    field: 'spec.services.goService.image',
    must: 'is required where the service is enabled',
  },
  {
    what: 'with more memory requested than allowed',
    spec: withGo({ resources: { limits: { memory: '1Gi' }, requests: { memory: '2048Mi' } } }),
    field: 'spec.services.goService.resources.requests.memory',
    must: 'must be at most the limit (1Gi), got 2048Mi',
  },
  {
    what: 'with two ports of which one has no name',
    spec: withGo({ ports: [{ name: 'http', port: 80 }, { port: 81 }] }),
    field: 'spec.services.goService.ports.1.name',
    must: 'is required where there are several ports',
  },
  {
    what: 'with two ports of one name',
    spec: withGo({
      ports: [
        { name: 'http', port: 80 },
        { name: 'http', port: 81 },
      ],
    }),
    field: 'spec.services.goService.ports.1.name',
    must: 'must be unique, got http again',
  },
  {
    what: 'with a port twice',
    spec: withGo({
      ports: [
        { name: 'http', port: 80 },
        { name: 'web', port: 80 },
      ],
    }),
    field: 'spec.services.goService.ports.1.port',
    must: 'must be unique for its protocol, got 80/TCP again',
  },
  {
    what: 'with two ports that lead to one name and are two ports of the container',
    spec: withGo({
      ports: [
        { name: 'a', port: 80, targetPort: 'http' },
        { name: 'b', port: 81, targetPort: 'http' },
      ],
    }),
    field: 'spec.services.goService.ports.1.targetPort',
    must: 'must mean one container port: http is 80/TCP already, got 81/TCP',
  },
  {
    what: 'with a variable that no container can have',
    spec: withGo({ env: [{ name: '..', value: 'b' }] }),
    field: 'spec.services.goService.env.0.name',
    must: 'must be the name of an environment variable, got ".."',
  },
  {
    what: 'with a variable that has a value and a source',
    spec: withGo({ env: [{ name: 'A', value: 'b', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } }] }),
    field: 'spec.services.goService.env.0.valueFrom',
    must: 'must not be set together with value',
  },
  {
    what: 'with a variable from two places',
    spec: withGo({
      env: [
        {
          name: 'A',
          valueFrom: { secretKeyRef: { name: 's', key: 'k' }, configMapKeyRef: { name: 'c', key: 'k' } },
        },
      ],
    }),
    field: 'spec.services.goService.env.0.valueFrom',
    must: 'must have exactly one of configMapKeyRef, secretKeyRef and fieldRef',
  },
  {
    what: 'that scales to fewer pods at most than at least',
    spec: { scaling: { hpa: { enabled: true, minReplicas: 3, maxReplicas: 2 } } },
    field: 'spec.scaling.hpa.minReplicas',
    must: 'must be at most maxReplicas (2), got 3',
  },
  {
    what: 'with KEDA and nothing to scale by',
    spec: { scaling: { keda: { enabled: true } } },
    field: 'spec.scaling.keda.kafkaScaler',
    must: 'is required where keda is enabled',
  },
];

/** The API server says these in its own words; a webhook that is called all the same says them in ours. */
const wrongShapes: { what: string; spec: object; field: string; must: string }[] = [
  {
    what: 'with a lag of nothing',
    spec: {
      scaling: {
        keda: {
          kafkaScaler: { bootstrapServers: 'b:9092', consumerGroup: 'g', topic: 't', lagThreshold: '0' },
        },
      },
    },
    field: 'spec.scaling.keda.kafkaScaler.lagThreshold',
    must: 'must be a whole number of at least 1, got "0"',
  },
  {
    what: 'with a broker that has no port',
    spec: {
      scaling: { keda: { kafkaScaler: { bootstrapServers: 'broker', consumerGroup: 'g', topic: 't' } } },
    },
    field: 'spec.scaling.keda.kafkaScaler.bootstrapServers',
    must: 'must be brokers such as broker-0:9092,broker-1:9092, got "broker"',
  },
  {
    what: 'with a quantity that is none',
    spec: withGo({ resources: { requests: { cpu: 'much' } } }),
    field: 'spec.services.goService.resources.requests.cpu',
    must: 'must be a quantity such as 500m, 1 or 512Mi, got "much"',
  },
  {
    what: 'with an image that is none',
    spec: withGo({ image: 'shop/go: 1' }),
    field: 'spec.services.goService.image',
    must: 'must be the name of an image such as registry.example.com/shop/web:1.2, got "shop/go: 1"',
  },
  {
    what: 'with less than no pods',
    spec: withGo({ replicas: -1 }),
    field: 'spec.services.goService.replicas',
    must: 'must be at least 0, got -1',
  },
];

const tooLong = `s${'x'.repeat(51)}`;

export const seckills: RefusalCase[] = [
  ...wrongSpecs.flatMap(({ what, spec, field, must }): RefusalCase[] => [
    {
      name: `a Seckill ${what}`,
      reason: 'Invalid',
      field,
      message: `${field} ${must}`,
      setup: [],
      action: { create: withoutNulls(seckill('seckill1', spec)) },
    },
    {
      name: `a change to a Seckill ${what}`,
      reason: 'Invalid',
      field,
      message: `${field} ${must}`,
      setup: there(seckill()),
      action: patched('Seckill', 'seckill1', spec),
    },
  ]),
  ...wrongShapes.map(
    ({ what, spec, field, must }): RefusalCase => ({
      name: `a Seckill ${what}`,
      reason: 'Invalid',
      field,
      message: `${field} ${must}`,
      setup: [],
      action: { create: seckill('seckill1', spec) },
      contractOnly: 'the API server refuses it by the schema, in its own words',
    }),
  ),
  {
    name: 'a Seckill whose Services would have names that are too long',
    reason: 'Invalid',
    field: 'metadata.name',
    message: `metadata.name must be a DNS label of at most 51 characters that begins with a letter, because Services are called after it, got "${tooLong}"`,
    setup: [],
    action: { create: seckill(tooLong) },
  },
];

function withoutNulls(manifest: Manifest): Manifest {
  return JSON.parse(JSON.stringify(manifest, (_key, value) => (value === null ? undefined : value)));
}
