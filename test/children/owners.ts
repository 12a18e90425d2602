// Owners of each workload kind as people write them, their admission, and the children that are rendered of them.
import { components, type DataService, middleware } from '../../src/api/data-service.ts';
import type { CustomObject, Kind } from '../../src/api/define-kind.ts';
import type { ElasticWeb } from '../../src/api/elastic-web.ts';
import type { ImoocPod } from '../../src/api/imooc-pod.ts';
import { defaultNodePorts } from '../../src/api/node-ports.ts';
import { anywhere, parseReach } from '../../src/api/reach.ts';
import type { Refusal } from '../../src/api/refusals.ts';
import { type Seckill, seckillFields } from '../../src/api/seckill.ts';
import { planOf } from '../../src/controllers/data-service/children.ts';
import { elasticWebChildren } from '../../src/controllers/elastic-web-children.ts';
import { imoocPodChild } from '../../src/controllers/imooc-pod.ts';
import { desiredOf } from '../../src/controllers/seckill/children.ts';
import { resourceIn } from '../../src/kube/discovery.ts';
import type { Draft } from '../../src/kube/objects.ts';
import { autoscalers } from '../../src/workloads/child-kinds.ts';
import { type Desired, draftOf } from '../../src/workloads/children.ts';
import { registry } from '../../webhooks/registry.ts';
import type { Call, Webhooks } from '../../webhooks/webhook.ts';
import type { Random } from '../simulation/random.ts';

export type Owner = CustomObject<Record<string, unknown>, unknown>;

const port = (random: Random) => random.pick([80, 443, 8080, 9090]);
const maybe = <T>(random: Random, name: string, value: T): object =>
  random.chance(0.5) ? { [name]: value } : {};
const resources = { requests: { cpu: '100m', memory: '64Mi' }, limits: { cpu: 1, memory: '1Gi' } };
const env = [
  { name: 'A', value: '1' },
  { name: 'B', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } },
];

export const elasticWebSpec = (random: Random): object => ({
  image: 'shop/web:1',
  port: port(random),
  podPort: random.pick([8080, 9090]),
  singlePodQPS: 100,
  totalQPS: random.pick([0, 50, 1000]),
  ...maybe(random, 'targetPort', random.pick([8080, 'http', 'web'])),
  ...maybe(random, 'mtargetPort', random.pick([8090, 8080, 'http', 'metrics', 'metric'])),
  ...maybe(random, 'protocol', random.pick(['TCP', 'UDP', 'Both'])),
  ...maybe(random, 'serviceType', random.pick(['ClusterIP', 'NodePort', 'LoadBalancer'])),
  ...maybe(random, 'nodePort', random.pick([0, 30_080])),
  ...maybe(random, 'name', random.pick(['http', 'web', 'metric', 'a'.repeat(15)])),
  ...maybe(random, 'resources', resources),
  ...maybe(random, 'env', env),
});

const seckillService = (random: Random): object => ({
  enabled: random.chance(0.8),
  image: 'shop/x:1',
  replicas: random.int(0, 3),
  ...maybe(random, 'resources', resources),
  ...maybe(random, 'env', env),
  ...maybe(
    random,
    'ports',
    Array.from({ length: random.int(1, 3) }, () => ({
      ...maybe(random, 'name', random.pick(['http', 'grpc', 'metrics'])),
      port: port(random),
      ...maybe(random, 'targetPort', random.pick([8080, 80, 'http', 'web'])),
      ...maybe(random, 'protocol', random.pick(['TCP', 'UDP'])),
    })),
  ),
});

export const seckillSpec = (random: Random): object => ({
  services: Object.fromEntries(
    seckillFields.filter(() => random.chance(0.4)).map((field) => [field, seckillService(random)]),
  ),
  ...maybe(random, 'scaling', { hpa: { enabled: true, minReplicas: random.int(1, 3), maxReplicas: 5 } }),
  ...maybe(random, 'monitoring', { enabled: true, prometheusEnabled: true, grafanaEnabled: true }),
});

const component = (random: Random, name: string): object => ({
  image: 'shop/x:1',
  ...(name === 'mysql'
    ? { kind: 1 }
    : maybe(random, 'kind', random.pick([0, 1, 2, 'deployment', 'DaemonSet']))),
  ...maybe(random, 'port', random.pick<unknown>([80, [80, 81], [{ name: 'http', port: 80 }, 8443]])),
  ...maybe(random, 'env', { A: '1' }),
  ...maybe(random, 'resources', resources),
});
const elsewhere = { kind: 3, thirdParty: { url: 'db.shop.svc:3306', username: 'u', password: 'p' } };

export const dataServiceSpec = (random: Random): object => ({
  ...maybe(random, 'namePrefix', random.pick(['one-', 'a-'])),
  ...Object.fromEntries(
    components
      .filter(() => random.chance(0.3))
      .map((name) => [
        name,
        (middleware as readonly string[]).includes(name) && random.chance(0.2)
          ? elsewhere
          : component(random, name),
      ]),
  ),
});

export const imoocPodSpec = (random: Random): object => maybe(random, 'replicas', random.int(0, 5));

const reach = parseReach(anywhere);

/** What admission answers to its creation; the object as it would be stored, where it lets it in. */
export function admitted(kind: Kind, owner: Owner): { owner: Owner } | { refusal: Refusal } {
  const webhooks = registry.find((it) => it.kind.plural === kind.plural) as unknown as Webhooks<Owner>;
  const call = {
    request: { operation: 'CREATE', userInfo: {} },
    namespace: owner.metadata.namespace,
    old: undefined,
    object: owner,
    now: 0,
    deadline: 0,
    context: { policy: { nodePorts: defaultNodePorts, reach: { prometheus: reach, thirdParty: reach } } },
  } as unknown as Call<Owner>;
  const object = webhooks.default(call);
  for (const rule of webhooks.rules.CREATE) {
    const refusal = rule({ ...call, object });
    if (refusal) return { refusal };
  }
  return { owner: object };
}

/** All children that it can ever have, of the kinds that every cluster serves. */
export function childrenOf(kind: Kind, owner: Owner, random: Random): Draft[] {
  const drafts = desired(kind, owner, random).flatMap((child) => {
    if (child.kind.install) return [];
    const version = child.kind === autoscalers ? 'v2' : 'v1';
    return [draftOf(owner, child, resourceIn(child.kind, version)) as unknown as Draft];
  });
  return kind.kind === 'ImoocPod'
    ? [imoocPodChild(owner as unknown as ImoocPod) as unknown as Draft]
    : drafts;
}

function desired(kind: Kind, owner: Owner, random: Random): Desired[] {
  switch (kind.kind) {
    case 'ElasticWeb':
      return elasticWebChildren(owner as unknown as ElasticWeb, 2);
    case 'Seckill': {
      const isHandedOver = random.chance(0.5);
      return desiredOf(owner as unknown as Seckill, {
        hasKeda: false,
        held: new Set(),
        isHandedOver: () => isHandedOver,
        find: () => undefined,
      });
    }
    case 'DataService': {
      const { namePrefix } = owner.spec as { namePrefix?: string };
      return planOf(owner as unknown as DataService, {
        prefix: namePrefix ?? random.pick(['', `${owner.metadata.name}-`]),
        isUsable: () => true,
        isThere: () => true,
        isKnown: () => true,
        passwordOf: () => 'cGFzc3dvcmQ=',
      }).desired;
    }
    default:
      return [];
  }
}
