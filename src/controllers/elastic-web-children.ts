// The children of an ElasticWeb: a Deployment, its Service, and a ServiceMonitor for its metrics. Pure.
import { type ElasticWeb, type ElasticWebSpec, portOfMetrics, speaks } from '../api/elastic-web.ts';
import { inStrings } from '../api/podspec.ts';
import { deployments, serviceMonitors, services } from '../workloads/child-kinds.ts';
import type { Desired } from '../workloads/children.ts';
import { labelsOf, labelValue, selectorOf } from '../workloads/identity.ts';

export const component = 'web';
/** Pod labels that Prometheus copies to the pods' time series, so that a query can select the series. */
export const seriesLabels = ['app.kubernetes.io/name', 'app.kubernetes.io/instance'];
const containerName = 'elastic-app';
/** Kubernetes' limit for the name of a container port. */
const longestPortName = 15;
/** kube-prometheus-stack, installed as the Helm release `prometheus`, selects ServiceMonitors by this label. */
const prometheusLabels = { release: 'prometheus' };

interface Port {
  name: string;
  protocol: 'TCP' | 'UDP';
  /** The container's port. Absent when another port of the list has it already. */
  containerPort?: number;
  port: number;
  targetPort: number | string;
  servicePortName: string;
}

function trafficPorts(spec: ElasticWebSpec): Port[] {
  const { podPort, port, targetPort = podPort } = spec;
  const name = typeof targetPort === 'string' ? targetPort : (spec.name ?? 'http');
  const portFor = (protocol: 'TCP' | 'UDP', suffix: string): Port => {
    const portName = `${name.slice(0, longestPortName - suffix.length).replace(/-$/, '')}${suffix}`;
    return {
      name: portName,
      protocol,
      containerPort: podPort,
      port,
      // Named, so that during a roll-out with another podPort each pod is reached at its own port.
      targetPort: targetPort === podPort || typeof targetPort === 'string' ? portName : targetPort,
      servicePortName: `http-traffic${suffix}`,
    };
  };
  const tcp = speaks(spec, 'TCP');
  return [
    ...(tcp ? [portFor('TCP', '')] : []),
    ...(speaks(spec, 'UDP') ? [portFor('UDP', tcp ? '-udp' : '')] : []),
  ];
}

function metricsPort(spec: ElasticWebSpec, traffic: readonly Port[]): Port | undefined {
  const { mtargetPort } = spec;
  if (mtargetPort === undefined) return undefined;
  // A default, when mtargetPort is a name.
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
    servicePortName: 'metric-traffic',
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
      labels: { ...app, ...(metrics ? prometheusLabels : {}) },
    })),
    ...(metrics
      ? [
          {
            kind: serviceMonitors,
            name: web.metadata.name,
            component,
            labels: { ...app, ...prometheusLabels },
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
 * One Service for all ports, except for type LoadBalancer: most load balancers cannot accept TCP and UDP in one Service.
 * So UDP gets a second Service beside TCP. When all traffic is UDP, the metrics get a Service of type ClusterIP, which
 * only the cluster can reach.
 */
function serviceBodies(web: ElasticWeb, traffic: Port[], metrics: Port | undefined): [string, object][] {
  const { spec, metadata } = web;
  const wanted = spec.serviceType ?? 'LoadBalancer';
  const body = (ports: Port[], usesNodePort: boolean, type: string = wanted): object => ({
    spec: {
      type,
      selector: selectorOf(web, component),
      ports: ports.map(({ servicePortName, port, targetPort, protocol }) => ({
        name: servicePortName,
        port,
        targetPort,
        protocol,
        ...nodePort(spec, type, usesNodePort && servicePortName !== 'metric-traffic'),
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

/** A Service that becomes ClusterIP must release its node ports in the same write. `nodePort: 0` does that. */
function nodePort(spec: ElasticWebSpec, type: string, isTraffic: boolean): { nodePort?: number } {
  if (type === 'ClusterIP') return { nodePort: 0 };
  return spec.nodePort && isTraffic ? { nodePort: spec.nodePort } : {};
}
