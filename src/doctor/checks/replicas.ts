// Checks that as many pods of Spikegate are ready as are wanted, and that all run one version.
import type { Check, Finding } from '../findings.ts';
import { valueIn } from '../observation.ts';

export const replicasAreThere: Check = {
  name: 'as many replicas are ready as are wanted',
  run({ deployments }) {
    if ('unreadable' in deployments) return [{ unchecked: `deployments: ${deployments.unreadable}` }];
    return (valueIn(deployments) ?? []).flatMap(({ metadata, spec, status }): Finding[] => {
      const { namespace, name } = metadata;
      const [wanted, ready] = [spec.replicas ?? 1, status?.readyReplicas ?? 0];
      if (ready >= wanted) return [];
      return [
        {
          severity: ready === 0 ? 'error' : 'warning',
          reason: 'ReplicasMissing',
          where: `deployment/${namespace}/${name}`,
          what: `${ready} of ${wanted} replicas are ready`,
          remedy: `kubectl -n ${namespace} rollout status deployment/${name}; kubectl -n ${namespace} describe pods`,
        },
      ];
    });
  },
};

export const replicasAreAlike: Check = {
  name: 'all replicas run the same image',
  run({ pods, expected }) {
    if ('unreadable' in pods) return [{ unchecked: `pods: ${pods.unreadable}` }];
    const running = (valueIn(pods) ?? []).filter(
      ({ metadata, status }) =>
        !metadata.deletionTimestamp && status?.phase !== 'Failed' && status?.phase !== 'Succeeded',
    );
    const images = Map.groupBy(running, ({ spec }) => spec.containers.map(({ image }) => image).join(' '));
    if (images.size < 2) return [];
    const counts = [...images].map(([image, some]) => `${some.length} × ${image}`).sort();
    return [
      {
        severity: 'warning',
        reason: 'VersionsDiffer',
        where: `pods in ${expected.namespace}`,
        what: `they run ${counts.join(', ')}`,
        remedy: `kubectl -n ${expected.namespace} rollout status deployment -l app.kubernetes.io/part-of=spikegate`,
      },
    ];
  },
};
