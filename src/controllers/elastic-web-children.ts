// The children of an ElasticWeb: a Deployment, its Service, and a ServiceMonitor for its metrics. Pure.
import { type ElasticWeb, type ElasticWebSpec, portOfMetrics, speaks } from '../api/elastic-web.ts';
import { inStrings } from '../api/podspec.ts';
import { deployments, serviceMonitors, services } from '../workloads/child-kinds.ts';
import type { Desired } from '../workloads/children.ts';
import { labelsOf, labelValue, selectorOf } from '../workloads/identity.ts';

export const component = 'web';
/** Labels of the pods that their series carry, so that a query can select them. */
export const seriesLabels = ['app.kubernetes.io/name', 'app.kubernetes.io/instance'];
const containerName = 'elastic-app';
interface Port {
  name: string;
  protocol: 'TCP' | 'UDP';
  /** The container's port. Absent when another port of the list has it already. */
  containerPort?: number;
  port: number;
  targetPort: number | string;
  servicePort: string;
}

function trafficPorts(spec: ElasticWebSpec): Port[] {
  const { podPort, port, targetPort = podPort } = spec;
  const name = typeof targetPort === 'string' ? targetPort : (spec.name ?? 'http');
  const of = (protocol: 'TCP' | 'UDP', suffix: string): Port => {
    const portName = `${name.slice(0, 15 - suffix.length).replace(/-$/, '')}${suffix}`;
    return {
      name: portName,
      protocol,
      containerPort: podPort,
      port,
      // Named, so that during a roll-out with another podPort each pod is reached at its own port.
      targetPort: targetPort === podPort || typeof targetPort === 'string' ? portName : targetPort,
      servicePort: `http-traffic${suffix}`,
    };
  };
  const tcp = speaks(spec, 'TCP');
  return [...(tcp ? [of('TCP', '')] : []), ...(speaks(spec, 'UDP') ? [of('UDP', tcp ? '-udp' : '')] : [])];
}

function metricsPort(spec: ElasticWebSpec, traffic: readonly Port[]): Port | undefined {
  const { mtargetPort } = spec;
  if (mtargetPort === undefined) return undefined;
  const number = portOfMetrics(spec);
  // A port that serves traffic may serve the metrics, too: by its name, or by its number.
  const shared = traffic.find(
    ({ name, containerPort, protocol }) =>
      protocol === 'TCP' && (name === mtargetPort || containerPort === number),
  );
  const isTaken = traffic.some(({ name }) => name === 'metric');
  return {
    name: typeof mtargetPort === 'string' ? mtargetPort : isTaken ? 'metrics' : 'metric',
    protocol: 'TCP',
    port: number,
    servicePort: 'metric-traffic',
    targetPort: typeof mtargetPort === 'string' && shared ? shared.name : mtargetPort,
    ...(shared ? {} : { containerPort: number }),
  };
}

export function elasticWebChildren(web: ElasticWeb, replicas: number): Desired[] {
  const { spec } = web;
  const traffic = trafficPorts(spec);
  const metrics = metricsPort(spec, traffic);
  const app = { app: labelValue(web.metadata.name) };
  return [
    { kind: deployments, name: web.metadata.name, component, labels: app, body: deployment(web, replicas) },
    ...serviceBodies(web, traffic, metrics).map(([name, body]) => ({
      kind: services,
      name,
      component,
      body,
      labels: { ...app, ...(metrics ? { release: 'prometheus' } : {}) },
    })),
    ...(metrics
      ? [
          {
            kind: serviceMonitors,
            name: web.metadata.name,
            component,
            labels: { ...app, release: 'prometheus' },
            body: {
              spec: {
                selector: { matchLabels: selectorOf(web, component) },
                podTargetLabels: seriesLabels,
                endpoints: [{ port: 'metric-traffic', path: spec.metricsPath ?? '/actuator/prometheus' }],
              },
            },
          },
        ]
      : []),
  ];
}

function deployment(web: ElasticWeb, replicas: number): object {
  const { spec, metadata } = web;
  const traffic = trafficPorts(spec);
  const ports = [...traffic, metricsPort(spec, traffic) ?? []].flat();
  return {
    spec: {
      replicas,
      selector: { matchLabels: selectorOf(web, component) },
      template: {
        metadata: { labels: { app: labelValue(metadata.name), ...labelsOf(web, component) } },
        spec: {
          containers: [
            {
              name: containerName,
              image: spec.image,
              imagePullPolicy: 'IfNotPresent',
              ports: ports.flatMap(({ name, containerPort, protocol }) =>
                containerPort === undefined ? [] : [{ name, containerPort, protocol }],
              ),
              ...(spec.resources ? { resources: inStrings(spec.resources) } : {}),
              ...(spec.env ? { env: spec.env } : {}),
            },
          ],
        },
      },
    },
  };
}

/**
 * One Service. Two when a load balancer must accept TCP and UDP, because most cannot do both in one Service. Metrics
 * beside traffic that is UDP only stay inside the cluster.
 */
function serviceBodies(web: ElasticWeb, traffic: Port[], metrics: Port | undefined): [string, object][] {
  const { spec, metadata } = web;
  const wanted = spec.serviceType ?? 'LoadBalancer';
  const body = (ports: Port[], isFirst: boolean, type: string = wanted): object => ({
    spec: {
      type,
      selector: selectorOf(web, component),
      ports: ports.map(({ servicePort, port, targetPort, protocol }) => ({
        name: servicePort,
        port,
        targetPort,
        protocol,
        ...nodePort(spec, type, isFirst && servicePort !== 'metric-traffic'),
      })),
    },
  });
  const extra = metrics ? [metrics] : [];
  if (wanted !== 'LoadBalancer') return [[metadata.name, body([...traffic, ...extra], true)]];
  const [first, second] = traffic;
  if (second) {
    return [
      [metadata.name, body([first!, ...extra], true)],
      [`${metadata.name}-udp`, body([second], false)],
    ];
  }
  if (first!.protocol === 'TCP' || !metrics) return [[metadata.name, body([first!, ...extra], true)]];
  return [
    [metadata.name, body([first!], true)],
    [`${metadata.name}-metrics`, body([metrics], false, 'ClusterIP')],
  ];
}

/** A Service that no longer has node ports must release them in the same write; 0 does that. */
function nodePort(spec: ElasticWebSpec, type: string, isTraffic: boolean): { nodePort?: number } {
  if (type === 'ClusterIP') return { nodePort: 0 };
  return spec.nodePort && isTraffic ? { nodePort: spec.nodePort } : {};
}
