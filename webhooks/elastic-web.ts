// Admission of ElasticWeb: refuses values with which its Deployment or Service would fail later, and warns of risks.
import type { Kind } from '../src/api/define-kind.ts';
import { ElasticWeb, metricsOf, portOfMetrics, replicaLimit, speaks } from '../src/api/elastic-web.ts';
import { destinationOf, whyNotThere } from '../src/api/reach.ts';
import { refuse } from '../src/api/refusals.ts';
import {
  environmentIsSound,
  hasNoVersion,
  lacksRequests,
  nameFits,
  requestsWithinLimits,
  secretsInPlain,
} from './container-rules.ts';
import { firstVariable, nodePortIsServed, resourcesAreSound } from './pod-rules.ts';
import { fillIn, isBeingDeleted } from './shared-rules.ts';
import type { Call, Rule, Webhooks } from './webhook.ts';

type WebRule = Rule<ElasticWeb>;
type WebCall = Call<ElasticWeb>;

/** A Service of the object may be named after it with the suffix `-metrics`. */
const longestName = 63 - '-metrics'.length;

const specRules: WebRule[] = [
  ({ object: { spec } }) =>
    requestsWithinLimits('spec.resources', spec.resources) ??
    resourcesAreSound('spec.resources', spec.resources),
  ({ object: { spec } }) => environmentIsSound('spec.env', spec.env) ?? firstVariable('spec.env', spec.env),
  minimumIsAtMostMaximum,
  metricsPortIsFree,
  metricsPortIsTcp,
  ({ object, context }) => nodePortIsServed('spec.nodePort', object.spec.nodePort, context.policy.nodePorts),
  serverIsAllowed,
];

export const elasticWebWebhooks: Webhooks<ElasticWeb> = {
  kind: ElasticWeb as Kind,
  defaulting: 'assumed',
  default: (call) => (isBeingDeleted(call) ? call.object : fillIn(call.object, ElasticWeb.specDefaults)),
  rules: { CREATE: [nameFits(longestName), ...specRules], UPDATE: specRules, DELETE: [] },
  warnings: [
    ({ object }) => hasNoVersion('spec.image', object.spec.image),
    ({ object }) => lacksRequests('spec.resources', object.spec.resources),
    ({ object }) => secretsInPlain('spec.env', object.spec.env),
    warnOfUnservedTarget,
    ({ object: { spec } }) =>
      spec.nodePort && spec.serviceType === 'ClusterIP'
        ? 'spec.nodePort: a Service of type ClusterIP has none; it is not used'
        : undefined,
    ({ object: { spec } }) =>
      spec.mtargetPort !== undefined && (spec.serviceType ?? 'LoadBalancer') === 'LoadBalancer'
        ? 'spec.mtargetPort: the load balancer serves the metrics as well; serviceType ClusterIP keeps them inside'
        : undefined,
    ({ object: { spec } }) =>
      metricsOf(spec) && spec.maxReplicas === undefined
        ? `spec.maxReplicas is not set: Prometheus may ask for up to ${replicaLimit} pods`
        : undefined,
    ({ object: { spec } }) =>
      spec.metrics && !spec.metrics.query && spec.mtargetPort === undefined
        ? 'spec.metrics: without mtargetPort Spikegate makes no ServiceMonitor; the series must carry the labels of the pods (app_kubernetes_io_name, app_kubernetes_io_instance), or name a query'
        : undefined,
    ({ object: { spec } }) =>
      metricsOf(spec) && spec.minReplicas === 0
        ? 'spec.minReplicas: one pod stays, since without any no request is counted'
        : undefined,
  ],
};

function minimumIsAtMostMaximum({ object }: WebCall): ReturnType<WebRule> {
  const { minReplicas = 0, maxReplicas = replicaLimit } = object.spec;
  if (minReplicas <= maxReplicas) return undefined;
  return refuse(
    'Invalid',
    `spec.minReplicas must be at most spec.maxReplicas (${maxReplicas}), got ${minReplicas}`,
    'spec.minReplicas',
  );
}

function metricsPortIsFree({ object }: WebCall): ReturnType<WebRule> {
  const { mtargetPort, port } = object.spec;
  if (mtargetPort === undefined || !speaks(object.spec, 'TCP')) return undefined;
  const metricsPort = portOfMetrics(object.spec);
  if (metricsPort !== port) return undefined;
  return refuse(
    'Invalid',
    `spec.port must differ from the port of the metrics (${metricsPort}): one Service has both, got ${port}`,
    'spec.port',
  );
}

/**
 * Metrics are read over TCP, and a container port has only one protocol. So `mtargetPort` must not name the traffic port
 * when that port speaks only UDP.
 */
function metricsPortIsTcp({ object: { spec } }: WebCall): ReturnType<WebRule> {
  const { mtargetPort } = spec;
  if (typeof mtargetPort !== 'string' || speaks(spec, 'TCP')) return undefined;
  const traffic = typeof spec.targetPort === 'string' ? spec.targetPort : (spec.name ?? 'http');
  if (mtargetPort !== traffic) return undefined;
  return refuse(
    'Invalid',
    `spec.mtargetPort must not be the name of the port that speaks UDP, got ${mtargetPort}`,
    'spec.mtargetPort',
  );
}

/** Checks a changed URL only. The reconciler enforces the allow list again before each request. */
function serverIsAllowed({ object, old, context }: WebCall): ReturnType<WebRule> {
  const server = object.spec.metrics?.server;
  if (server === undefined || server === old?.spec.metrics?.server) return undefined;
  const path = 'spec.metrics.server';
  if (!URL.canParse(server)) return refuse('Invalid', `${path} must be a URL, got ${server}`, path);
  if (/[?#]/.test(server)) {
    return refuse('Invalid', `${path} must be a URL without ? and #, got ${server}`, path);
  }
  const url = new URL(server);
  const why = whyNotThere(context.policy.reach.prometheus, destinationOf(url));
  if (!why) return undefined;
  return refuse('PlaceNotAllowed', `${path}: ${url.host} ${why} (serve --prometheus-allow)`, path);
}

function warnOfUnservedTarget({ object }: WebCall): string | undefined {
  const { targetPort, podPort } = object.spec;
  if (typeof targetPort !== 'number' || targetPort === podPort) return undefined;
  return `spec.targetPort: requests go to ${targetPort} of the pods, which listen on podPort ${podPort}`;
}
