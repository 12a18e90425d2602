// ElasticWeb: one web workload, sized by its requests per second.
import { defineKind, type ObjectOf } from './define-kind.ts';
import { env, image, podSecurity, port, portName, portReference, resources } from './podspec.ts';
import {
  choice,
  conditions,
  int,
  object,
  observedGeneration,
  optional,
  type Static,
  Type,
  text,
  time,
  worded,
} from './schema.ts';

export const replicaLimit = 1000;
const highestQps = 1_000_000_000;

const durationPattern = '^[1-9][0-9]{0,4}(s|m|h)$';
const urlPattern = '^https?://[^\\s@]+$';
const counterPattern = '^[a-zA-Z_:][a-zA-Z0-9_:]*$';
worded(durationPattern, 'must be a duration such as 30s, 5m or 1h');
worded(
  urlPattern,
  'must be an http or https URL without a password, such as http://prometheus.monitoring.svc:9090',
);
worded(counterPattern, 'must be the name of a metric');

const pattern = (value: string, maxLength: number, note: { description: string; default?: unknown }) =>
  Type.String({ pattern: value, maxLength, ...note });
const duration = (description: string, fallback: string) =>
  optional(pattern(durationPattern, 8, { description, default: fallback }));

const metrics = object(
  {
    server: optional(
      pattern(urlPattern, 1024, {
        description: 'Base URL of the Prometheus server. Default: what serve --prometheus-server says.',
      }),
    ),
    query: optional(
      text(
        4096,
        {
          description:
            'PromQL whose sum is the requests per second. Default: the rate of counter over the pods, by their labels.',
        },
        1,
      ),
    ),
    counter: optional(
      pattern(counterPattern, 256, {
        description: "Counter of requests; its series carry the pods' namespace and the labels of the pods.",
        default: 'http_server_requests_seconds_count',
      }),
    ),
    window: duration('Over which the rate is taken; several times the scrape interval.', '1m'),
    interval: duration('How often the server is asked.', '30s'),
    timeout: duration('How long an answer may take.', '5s'),
    stabilization: duration('Pods go only when fewer would have done for so long.', '5m'),
    maxStepUp: optional(
      int(1, replicaLimit, {
        description: 'Most pods added at a time. Default: as many as there are, at least 4.',
      }),
    ),
    maxStepDown: optional(
      int(1, replicaLimit, { description: 'Most pods removed at a time. Default: half of them.' }),
    ),
  },
  {
    description:
      'Takes the requests per second from Prometheus; totalQPS counts until there is an answer. With mtargetPort and totalQPS the default server is asked even without this.',
  },
);

const serviceTypes = ['LoadBalancer', 'NodePort', 'ClusterIP'] as const;

const spec = object({
  image: image({ description: 'Image of the workload.' }),
  name: optional(
    portName({ description: 'Name of the container port that serves requests.', default: 'http' }),
  ),
  port: port({ description: 'Port of the Service.' }),
  targetPort: optional(
    portReference({
      description: 'Port of the pods that the Service leads to, by number or name; podPort unless set.',
    }),
  ),
  podPort: port({ description: 'Port on which the container listens.' }),
  nodePort: optional(
    int(0, 65_535, { description: 'Port on every node, with serviceType LoadBalancer or NodePort; 0: any.' }),
  ),
  mtargetPort: optional(
    portReference({
      description: 'Port of the pods that serves metrics. Set: the Service and a ServiceMonitor have it.',
    }),
  ),
  metricsPath: optional(
    pattern('^/[^\\s?#]*$', 256, { description: 'Path of the metrics.', default: '/actuator/prometheus' }),
  ),
  protocol: optional(
    choice(['TCP', 'UDP', 'Both'], {
      description: 'What the port speaks: TCP, UDP or Both.',
      default: 'TCP',
    }),
  ),
  serviceType: optional(
    choice(serviceTypes, { description: 'Who reaches the Service.', default: 'LoadBalancer' }),
  ),
  singlePodQPS: int(1, highestQps, { description: 'Requests per second that one pod can serve.' }),
  totalQPS: int(0, highestQps, {
    description: 'Requests per second to be served; 0: no pods, the Service stays.',
  }),
  minReplicas: optional(int(0, replicaLimit, { description: 'Fewest pods.' })),
  maxReplicas: optional(int(1, replicaLimit, { description: `Most pods; ${replicaLimit} unless set.` })),
  resources: optional(resources),
  env: optional(env({ description: 'Environment of the container.' })),
  podSecurity: optional(podSecurity),
  metrics: optional(metrics),
});

const status = object({
  phase: optional(
    choice(['Pending', 'Progressing', 'Degraded', 'Ready'], { description: 'The state in a word.' }),
  ),
  realQPS: optional(
    int(0, Number.MAX_SAFE_INTEGER, { description: 'Requests per second that the ready pods can serve.' }),
  ),
  observedQPS: optional(
    int(0, Number.MAX_SAFE_INTEGER, {
      description: 'Requests per second last seen in Prometheus, rounded up.',
    }),
  ),
  observedTime: optional(time({ description: 'When it last differed, or was seen again after a silence.' })),
  desiredReplicas: optional(int(0, replicaLimit, { description: 'Pods that should run.' })),
  replicas: optional(int(0, 1_000_000, { description: 'Pods that there are.' })),
  readyReplicas: optional(int(0, 1_000_000, { description: 'Pods that are ready.' })),
  address: optional(text(253, { description: 'Where the load balancer is reached.' })),
  observedGeneration,
  conditions,
});

export const ElasticWeb = defineKind({
  group: 'elasticweb.example.com',
  version: 'v1',
  kind: 'ElasticWeb',
  plural: 'elasticwebs',
  singular: 'elasticweb',
  shortNames: ['ew'],
  description: 'One web workload behind a Service, sized by its requests per second.',
  spec,
  status,
  printerColumns: [
    { name: 'Desired', type: 'integer', jsonPath: '.status.desiredReplicas' },
    { name: 'Ready', type: 'integer', jsonPath: '.status.readyReplicas' },
    { name: 'RealQPS', type: 'integer', jsonPath: '.status.realQPS' },
    { name: 'ObservedQPS', type: 'integer', jsonPath: '.status.observedQPS' },
    { name: 'Phase', type: 'string', jsonPath: '.status.phase' },
    { name: 'Image', type: 'string', jsonPath: '.spec.image', priority: 1 },
    { name: 'Address', type: 'string', jsonPath: '.status.address', priority: 1 },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  ],
});
export type ElasticWeb = ObjectOf<typeof ElasticWeb>;
export type ElasticWebSpec = Static<typeof spec>;
export type ElasticWebStatus = Static<typeof status>;

const units: Record<string, number> = { s: 1000, m: 60_000, h: 3_600_000 };

/** Milliseconds of a duration in the schema's format. `fallback` replaces an absent or invalid duration. */
export function durationMs(text: string | undefined, fallback: string): number {
  const match = /^([0-9]+)([smh])$/.exec(text ?? fallback);
  return match ? Number(match[1]) * units[match[2]!]! : durationMs(undefined, fallback);
}

/**
 * How to ask Prometheus for the requests per second. Undefined: do not ask. Without `spec.metrics` the defaults apply
 * when the pods serve metrics (`mtargetPort`), because the second sample of the earlier operator relies on that. They
 * do not apply with totalQPS 0, which means that no pod should run.
 */
export const metricsOf = ({
  metrics,
  mtargetPort,
  totalQPS,
}: Pick<ElasticWebSpec, 'metrics' | 'mtargetPort' | 'totalQPS'>): ElasticWebSpec['metrics'] =>
  metrics ?? (mtargetPort !== undefined && totalQPS > 0 ? {} : undefined);

/** The Service port for metrics when `mtargetPort` is a name. The earlier operator had the same default. */
const usualMetricsPort = 8090;

/** The Service port for metrics. */
export const portOfMetrics = ({ mtargetPort }: Pick<ElasticWebSpec, 'mtargetPort'>): number =>
  typeof mtargetPort === 'number' ? mtargetPort : usualMetricsPort;

export const speaks = ({ protocol }: Pick<ElasticWebSpec, 'protocol'>, transport: 'TCP' | 'UDP'): boolean =>
  (protocol ?? 'TCP') === transport || protocol === 'Both';
