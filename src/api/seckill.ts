// Seckill: the micro-services of a sale, their autoscaling and monitoring. Does not know its children.
import { defineKind, type ObjectOf } from './define-kind.ts';
import { env, image, podSecurity, resources, servicePorts } from './podspec.ts';
import {
  choice,
  conditions,
  flag,
  highestTotal,
  int,
  object,
  observedGeneration,
  optional,
  type Static,
  Type,
  text,
  worded,
} from './schema.ts';

/**
 * The fields of spec.services, in the order in which services are started, with the short names of their children.
 */
export const seckillServices = {
  goService: 'go',
  couponService: 'coupon',
  orderService: 'order',
  userService: 'user',
  gatewayService: 'gateway',
} as const;
export type SeckillServiceField = keyof typeof seckillServices;
export const seckillFields = Object.keys(seckillServices) as SeckillServiceField[];

/** The service that consumes the orders, so KEDA scales it. */
export const kafkaConsumer: SeckillServiceField = 'goService';

const brokers = '^[^\\s,:]+:[0-9]{1,5}(,[^\\s,:]+:[0-9]{1,5})*$';
worded(brokers, 'must be brokers such as broker-0:9092,broker-1:9092');
const positive = '^[1-9][0-9]{0,14}$';
worded(positive, 'must be a whole number of at least 1');
const topicPattern = '^[a-zA-Z0-9._-]{1,249}$';
worded(topicPattern, 'must be the name of a Kafka topic: letters, digits, ., _ and -');

const replicaLimit = 10_000;

const service = (what: string) =>
  optional(
    object(
      {
        enabled: optional(
          flag({ description: 'Whether it runs. What is switched off is deleted.', default: false }),
        ),
        image: optional(image({ description: 'Image of its container; needed where it is enabled.' })),
        replicas: optional(
          int(0, replicaLimit, { description: 'Pods, unless an autoscaler decides.', default: 1 }),
        ),
        resources: optional(resources),
        ports: optional(servicePorts({ description: 'Ports of its Service; without any it has none.' })),
        env: optional(env({ description: 'Environment of its container.' })),
      },
      { description: what },
    ),
  );

const services = object(
  {
    goService: service('Takes the rush: consumes orders from Kafka.'),
    couponService: service('Coupons.'),
    orderService: service('Orders.'),
    userService: service('Users.'),
    gatewayService: service('The way in.'),
  },
  { description: 'The services; what is absent is not wanted.' },
);

const hpa = object(
  {
    enabled: optional(flag({ description: 'An autoscaler for each service.', default: false })),
    minReplicas: optional(int(1, replicaLimit, { description: 'Fewest pods.', default: 1 })),
    maxReplicas: optional(int(1, replicaLimit, { description: 'Most pods.', default: 10 })),
    targetCPUUtilizationPercentage: optional(
      int(1, 10_000, { description: 'Percent of the CPU that a pod requests.', default: 80 }),
    ),
  },
  { description: 'By CPU (HorizontalPodAutoscaler).' },
);

const kafkaScaler = object(
  {
    bootstrapServers: Type.String({
      pattern: brokers,
      minLength: 1,
      maxLength: 2048,
      description: 'Brokers, host:port, separated by commas.',
    }),
    consumerGroup: text(255, { description: 'Consumer group whose lag is looked at.' }, 1),
    topic: Type.String({
      pattern: topicPattern,
      minLength: 1,
      maxLength: 249,
      description: 'Topic of the orders.',
    }),
    lagThreshold: optional(
      Type.Unsafe<number | string>({
        anyOf: [{ type: 'integer' }, { type: 'string' }],
        'x-kubernetes-int-or-string': true,
        pattern: positive,
        minimum: 1,
        maximum: highestTotal,
        maxLength: 15,
        default: '5',
        description: 'Messages behind, for each pod.',
      }),
    ),
  },
  { description: 'What the go service consumes.' },
);

const keda = object(
  {
    enabled: optional(
      flag({
        description: 'KEDA scales the go service, which then has no HorizontalPodAutoscaler of ours.',
        default: false,
      }),
    ),
    kafkaScaler: optional(kafkaScaler),
  },
  { description: 'By Kafka lag (KEDA ScaledObject).' },
);

const spec = object({
  services: optional(services),
  scaling: optional(
    object({ hpa: optional(hpa), keda: optional(keda) }, { description: 'How the services scale.' }),
  ),
  monitoring: optional(
    object(
      {
        enabled: optional(flag({ description: 'Whether any of it is on.', default: false })),
        prometheusEnabled: optional(flag({ description: 'A ServiceMonitor for each service.' })),
        grafanaEnabled: optional(flag({ description: 'A dashboard for the Grafana sidecar.' })),
      },
      { description: 'How the services are watched.' },
    ),
  ),
  podSecurity: optional(podSecurity),
});

export const seckillPhases = ['Pending', 'Progressing', 'Degraded', 'Ready'] as const;
export type SeckillPhase = (typeof seckillPhases)[number];

const serviceStatus = object({
  readyReplicas: int(0, highestTotal, { description: 'Pods that are ready.' }),
  totalReplicas: int(0, highestTotal, { description: 'Pods that are wanted now.' }),
  phase: choice(seckillPhases, { description: 'State of the service.' }),
  message: optional(text(4096, { description: 'What keeps it from being ready.' })),
});
export type SeckillServiceStatus = Static<typeof serviceStatus>;

const status = object({
  phase: optional(choice(seckillPhases, { description: 'State as a whole.' })),
  ready: optional(text(16, { description: 'Services that are ready, of those enabled.' })),
  serviceStatuses: optional(
    Type.Unsafe<Record<string, SeckillServiceStatus>>({
      type: 'object',
      maxProperties: 16,
      additionalProperties: serviceStatus,
      description: 'The enabled services by short name: go, coupon, order, user, gateway.',
    }),
  ),
  observedGeneration,
  conditions,
});

export const Seckill = defineKind({
  group: 'ops.couponkill.io',
  version: 'v1',
  kind: 'Seckill',
  plural: 'seckills',
  singular: 'seckill',
  shortNames: [],
  description: 'The micro-services of a flash sale.',
  spec,
  status,
  printerColumns: [
    { name: 'Ready', type: 'string', jsonPath: '.status.ready' },
    { name: 'Phase', type: 'string', jsonPath: '.status.phase' },
    {
      name: 'Message',
      type: 'string',
      jsonPath: '.status.conditions[?(@.type=="Ready")].message',
      priority: 1,
    },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  ],
});
export type Seckill = ObjectOf<typeof Seckill>;
export type SeckillSpec = Static<typeof spec>;
export type SeckillStatus = Static<typeof status>;
export type SeckillService = NonNullable<NonNullable<SeckillSpec['services']>[SeckillServiceField]>;

/** The enabled services, in order. */
export function enabledServices(
  spec: SeckillSpec,
): { field: SeckillServiceField; short: string; service: SeckillService }[] {
  return seckillFields.flatMap((field) => {
    const service = spec.services?.[field];
    return service?.enabled && service.image ? [{ field, short: seckillServices[field], service }] : [];
  });
}
