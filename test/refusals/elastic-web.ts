// Everything that is refused about ElasticWebs.
import { type Manifest, patched, type RefusalCase, there } from './scenario.ts';

/** The original's first sample, on a port of the node that the cluster picks. */
export const elasticWeb = (name = 'web1', spec: object = {}): Manifest => ({
  apiVersion: 'elasticweb.example.com/v1',
  kind: 'ElasticWeb',
  metadata: { name },
  spec: {
    image: 'tomcat:8.0.18-jre8',
    port: 8081,
    targetPort: 8080,
    podPort: 8080,
    singlePodQPS: 500,
    totalQPS: 700,
    resources: { limits: { cpu: '400m', memory: '500Mi' }, requests: { cpu: '100m', memory: '100Mi' } },
    protocol: 'TCP',
    ...spec,
  },
});

/** What is wrong with a spec, however it comes to be so. */
const wrongSpecs: { what: string; spec: object; field: string; must: string }[] = [
  {
    what: 'more cpu requested than allowed',
    spec: { resources: { limits: { cpu: '400m' }, requests: { cpu: '1' } } },
    field: 'spec.resources.requests.cpu',
    must: 'must be at most the limit (400m), got 1',
  },
  {
    what: 'a variable with a value and a source',
    spec: { env: [{ name: 'A', value: 'b', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } }] },
    field: 'spec.env.0.valueFrom',
    must: 'must not be set together with value',
  },
  {
    what: 'a minimum above the maximum',
    spec: { minReplicas: 3, maxReplicas: 2 },
    field: 'spec.minReplicas',
    must: 'must be at most spec.maxReplicas (2), got 3',
  },
  {
    what: 'metrics on the port of the Service',
    spec: { mtargetPort: 8081 },
    field: 'spec.port',
    must: 'must differ from the port of the metrics (8081): one Service has both, got 8081',
  },
  {
    what: 'metrics by the name of a port that speaks UDP',
    spec: { protocol: 'UDP', mtargetPort: 'http', targetPort: 'http' },
    field: 'spec.mtargetPort',
    must: 'must not be the name of the port that speaks UDP, got http',
  },
  {
    what: 'a port that the cluster does not open on its nodes',
    spec: { nodePort: 80 },
    field: 'spec.nodePort',
    must: 'must be 0 or from 30000 to 32767 (serve --node-ports), got 80',
  },
  {
    what: 'a resource without a domain',
    spec: { resources: { limits: { cpus: 1 } } },
    field: 'spec.resources.limits.cpus',
    must: 'must be one of cpu, memory, ephemeral-storage, or have a domain, such as nvidia.com/gpu',
  },
  {
    what: 'a request of GPUs unlike its limit',
    spec: { resources: { requests: { 'nvidia.com/gpu': 1 }, limits: { 'nvidia.com/gpu': 2 } } },
    field: 'spec.resources.requests.nvidia.com/gpu',
    must: 'must be equal to the limit (2), got 1',
  },
  {
    what: 'half a GPU',
    spec: { resources: { limits: { 'nvidia.com/gpu': '500m' } } },
    field: 'spec.resources.limits.nvidia.com/gpu',
    must: 'must be a whole number, got 500m',
  },
  {
    what: 'a Secret of a name that none has',
    spec: { env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 'a/b', key: 'k' } } }] },
    field: 'spec.env.0.valueFrom.secretKeyRef.name',
    must: 'must be the name of an object: lower-case letters, digits, - and ., got "a/b"',
  },
  {
    what: 'a field of the pod that there is not',
    spec: { env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'status.hostName' } } }] },
    field: 'spec.env.0.valueFrom.fieldRef.fieldPath',
    must: `must be one of metadata.name, metadata.namespace, metadata.uid, spec.nodeName, spec.serviceAccountName, status.hostIP, status.hostIPs, status.podIP, status.podIPs, metadata.labels['KEY'] or metadata.annotations['KEY'], got "status.hostName"`,
  },
];

/** What Spikegate must ask for nobody. */
const forbidden = [
  'http://169.254.169.254/latest',
  'http://shop.example.com:9090',
  'http://x.svc.example.com',
];

/** What the schema refuses: the API server in its own words, a webhook that is called all the same in ours. */
const wrongBySchema: typeof wrongSpecs = [
  {
    what: 'a pod that serves nothing (the original divided by it)',
    spec: { singlePodQPS: 0 },
    field: 'spec.singlePodQPS',
    must: 'must be at least 1, got 0',
  },
  {
    what: 'a cpu that is no quantity',
    spec: { resources: { limits: { cpu: 'much' } } },
    field: 'spec.resources.limits.cpu',
    must: 'must be a quantity such as 500m, 1 or 512Mi, got "much"',
  },
  {
    what: 'a target port that is neither',
    spec: { targetPort: true },
    field: 'spec.targetPort',
    must: 'must be an integer or a string, got true',
  },
  {
    what: 'an image with a space',
    spec: { image: 'tom cat' },
    field: 'spec.image',
    must: 'must be the name of an image such as registry.example.com/shop/web:1.2, got "tom cat"',
  },
  {
    what: 'a port beyond the last',
    spec: { port: 65_536 },
    field: 'spec.port',
    must: 'must be at most 65535, got 65536',
  },
  {
    what: 'SCTP',
    spec: { protocol: 'SCTP' },
    field: 'spec.protocol',
    must: 'must be one of TCP, UDP, Both, got "SCTP"',
  },
];

const dnsName =
  'metadata.name must be a DNS label of at most 55 characters that begins with a letter, because Services are called after it, got "web.1"';

export const elasticWebs: RefusalCase[] = [
  ...wrongSpecs.flatMap(({ what, spec, field, must }): RefusalCase[] => [
    {
      name: `an ElasticWeb with ${what}`,
      reason: 'Invalid',
      field,
      message: `${field} ${must}`,
      setup: [],
      action: { create: elasticWeb('web1', spec) },
    },
    {
      name: `an ElasticWeb that gets ${what}`,
      reason: 'Invalid',
      field,
      message: `${field} ${must}`,
      setup: there(elasticWeb()),
      action: patched('ElasticWeb', 'web1', spec),
    },
  ]),
  ...wrongBySchema.map(
    ({ what, spec, field, must }): RefusalCase => ({
      name: `an ElasticWeb with ${what}`,
      reason: 'Invalid',
      field,
      message: `${field} ${must}`,
      setup: [],
      action: { create: elasticWeb('web1', spec) },
      contractOnly: 'the API server refuses it by the schema, in its own words',
    }),
  ),
  ...forbidden.flatMap((server): RefusalCase[] => {
    const field = 'spec.metrics.server';
    const message = `${field}: ${new URL(server).host} is not among the places that are allowed (serve --prometheus-allow)`;
    const refusal = { reason: 'PlaceNotAllowed' as const, field, message };
    return [
      {
        name: `an ElasticWeb that has ${server} asked`,
        ...refusal,
        setup: [],
        action: { create: elasticWeb('web1', { metrics: { server } }) },
      },
      {
        name: `an ElasticWeb that turns to ${server}`,
        ...refusal,
        setup: there(elasticWeb()),
        action: patched('ElasticWeb', 'web1', { metrics: { server } }),
      },
    ];
  }),
  {
    name: 'an ElasticWeb whose name no Service can have',
    reason: 'Invalid',
    field: 'metadata.name',
    message: dnsName,
    setup: [],
    action: { create: elasticWeb('web.1') },
  },
  {
    name: 'an ImoocPod with fewer pods than none',
    reason: 'Invalid',
    field: 'spec.replicas',
    message: 'spec.replicas must be at least 0, got -1',
    setup: [],
    action: {
      create: {
        apiVersion: 'batch.tutorial.kubebuilder.io/v1alpha1',
        kind: 'ImoocPod',
        metadata: { name: 'pods1' },
        spec: { replicas: -1 },
      },
    },
    contractOnly: 'the API server refuses it by the schema, in its own words',
  },
];
