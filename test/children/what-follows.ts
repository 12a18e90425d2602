// What Kubernetes makes of a child in its turn: the pods, ReplicaSets and claims of a maker, as its controllers make
// them (pkg/controller/deployment, statefulset, daemon), and whether its Services lead anywhere.
import type { Draft } from '../../src/kube/objects.ts';

interface Template {
  metadata?: { labels?: Record<string, string>; annotations?: Record<string, string> };
  spec: {
    volumes?: object[];
    containers: { ports?: { name?: string; containerPort: number; protocol?: string }[] }[];
  };
}
interface Maker {
  replicas?: number;
  selector: { matchLabels: Record<string, string> };
  template: Template;
  volumeClaimTemplates?: { metadata: { name: string }; spec: object }[];
}
interface ServiceSpec {
  selector: Record<string, string>;
  ports: { name?: string; port: number; targetPort?: number | string; protocol?: string }[];
}

const hash = '5d4f8c7b9d';
const specOf = <T>(draft: Draft): T => (draft as unknown as { spec: T }).spec;

export function followUps(draft: Draft): Draft[] {
  const { kind, metadata } = draft;
  const { name = '', namespace = '' } = metadata;
  const { template, replicas = 1, selector, volumeClaimTemplates = [] } = specOf<Maker>(draft) ?? {};
  const pod = (more: object, labels: Record<string, string>, claims: object[] = []) =>
    ({
      apiVersion: 'v1',
      kind: 'Pod',
      spec: { ...template.spec, volumes: [...(template.spec.volumes ?? []), ...claims] },
      metadata: { namespace, ...more, labels: { ...template.metadata?.labels, ...labels } },
    }) as unknown as Draft;
  switch (kind) {
    case 'Deployment': {
      const set = `${name}-${hash}`;
      const labels = { ...template.metadata?.labels, 'pod-template-hash': hash };
      const matchLabels = { ...selector.matchLabels, 'pod-template-hash': hash };
      return [
        {
          apiVersion: 'apps/v1',
          kind: 'ReplicaSet',
          metadata: { name: set, namespace, labels },
          spec: { replicas, selector: { matchLabels }, template: { ...template, metadata: { labels } } },
        } as unknown as Draft,
        pod({ generateName: `${set}-` }, { 'pod-template-hash': hash }),
      ];
    }
    case 'StatefulSet': {
      const last = `${name}-${Math.max(0, replicas - 1)}`;
      return [
        pod(
          { name: last },
          { 'controller-revision-hash': `${name}-${hash}`, 'statefulset.kubernetes.io/pod-name': last },
          volumeClaimTemplates.map(({ metadata: { name: claim } }) => ({
            name: claim,
            persistentVolumeClaim: { claimName: `${claim}-${last}` },
          })),
        ),
        ...volumeClaimTemplates.map(
          (claim) =>
            ({
              apiVersion: 'v1',
              kind: 'PersistentVolumeClaim',
              spec: claim.spec,
              metadata: { name: `${claim.metadata.name}-${last}`, namespace, labels: selector.matchLabels },
            }) as unknown as Draft,
        ),
      ];
    }
    case 'DaemonSet':
      return [
        pod(
          { generateName: `${name}-` },
          { 'controller-revision-hash': hash, 'pod-template-generation': '1' },
        ),
      ];
    default:
      return [];
  }
}

/** The first Service that leads to a port by a name that no container of its pods has. */
export function leadsNowhere(drafts: readonly Draft[]): string | undefined {
  const makers = drafts.filter(
    ({ kind }) => kind === 'Deployment' || kind === 'StatefulSet' || kind === 'DaemonSet',
  );
  for (const draft of drafts) {
    if (draft.kind !== 'Service') continue;
    const { selector, ports } = specOf<ServiceSpec>(draft);
    const templates = makers
      .map((maker) => specOf<Maker>(maker).template)
      .filter(({ metadata }) =>
        Object.entries(selector).every(([label, value]) => metadata?.labels?.[label] === value),
      );
    for (const { targetPort, protocol = 'TCP' } of ports) {
      if (typeof targetPort !== 'string') continue;
      const isThere = templates.some(({ spec }) =>
        spec.containers.some(({ ports: own = [] }) =>
          own.some((it) => it.name === targetPort && (it.protocol ?? 'TCP') === protocol),
        ),
      );
      if (!isThere)
        return `Service ${draft.metadata.name} leads to the port ${targetPort}/${protocol}, which no container has`;
    }
  }
  return undefined;
}
