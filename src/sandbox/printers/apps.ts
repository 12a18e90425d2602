// The columns of the kinds that run pods, and of those that scale and protect them.
import { own } from '../../runtime/own-keys.ts';
import { asList, asNumber, asObj, asString, dig, type Item } from '../types.ts';
import { age, type Cell, count, mapText, name, none, type Spec, selector, wide } from './cells.ts';

/** The number at a path; 0 when it is absent. */
const num =
  (path: string): Cell =>
  (item) =>
    asNumber(dig(item, path));

const containers =
  (field: string): Cell =>
  (item) =>
    asList(dig(item, 'spec.template.spec.containers'))
      .map((c) => asString(c[field]))
      .join(',');

const containerColumns: Spec[] = [
  wide('Containers', containers('name')),
  wide('Images', containers('image')),
];

function hpaTargets(item: Item): string {
  const current = asList(dig(item, 'status.currentMetrics'));
  const texts = asList(dig(item, 'spec.metrics')).map((metric, i) => {
    // The type names the field: `Resource` has its source in `resource`.
    const source = asObj(
      own(metric, `${asString(metric.type).charAt(0).toLowerCase()}${asString(metric.type).slice(1)}`),
    );
    const target = asObj(source.target);
    const measured = asObj(asObj(asObj(current[i]).resource).current);
    const unit = target.averageUtilization === undefined ? '' : '%';
    const wanted = target.averageUtilization ?? target.averageValue ?? target.value;
    const shown = measured.averageUtilization === undefined ? '<unknown>' : `${measured.averageUtilization}%`;
    return `${source.name ? `${source.name}: ` : ''}${shown}/${wanted}${unit}`;
  });
  return texts.join(', ') || '<none>';
}

export const apps: Record<string, Spec[]> = {
  Deployment: [
    name,
    [
      'Ready',
      (item) => `${asNumber(dig(item, 'status.readyReplicas'))}/${asNumber(dig(item, 'spec.replicas'))}`,
    ],
    count('Up-to-date', num('status.updatedReplicas')),
    count('Available', num('status.availableReplicas')),
    age,
    ...containerColumns,
    selector,
  ],
  ReplicaSet: [
    name,
    count('Desired', num('spec.replicas')),
    count('Current', num('status.replicas')),
    count('Ready', num('status.readyReplicas')),
    age,
    ...containerColumns,
    selector,
  ],
  StatefulSet: [
    name,
    [
      'Ready',
      (item) => `${asNumber(dig(item, 'status.readyReplicas'))}/${asNumber(dig(item, 'spec.replicas'))}`,
    ],
    age,
    ...containerColumns,
  ],
  DaemonSet: [
    name,
    count('Desired', num('status.desiredNumberScheduled')),
    count('Current', num('status.currentNumberScheduled')),
    count('Ready', num('status.numberReady')),
    count('Up-to-date', num('status.updatedNumberScheduled')),
    count('Available', num('status.numberAvailable')),
    ['Node Selector', (item) => mapText(dig(item, 'spec.template.spec.nodeSelector'))],
    age,
    ...containerColumns,
    selector,
  ],
  ControllerRevision: [
    name,
    [
      'Controller',
      (item) => {
        const owner = asObj(asList(item.metadata.ownerReferences)[0]);
        return none(owner.kind ? `${asString(owner.kind).toLowerCase()}.apps/${owner.name}` : '');
      },
    ],
    count('Revision', (item) => item.revision),
    age,
  ],
  HorizontalPodAutoscaler: [
    name,
    [
      'Reference',
      (item) => `${dig(item, 'spec.scaleTargetRef.kind')}/${dig(item, 'spec.scaleTargetRef.name')}`,
    ],
    ['Targets', hpaTargets],
    ['MinPods', (item) => String(dig(item, 'spec.minReplicas') ?? '<unset>')],
    count('MaxPods', num('spec.maxReplicas')),
    count('Replicas', num('status.currentReplicas')),
    age,
  ],
  PodDisruptionBudget: [
    name,
    ['Min Available', (item) => String(dig(item, 'spec.minAvailable') ?? 'N/A')],
    ['Max Unavailable', (item) => String(dig(item, 'spec.maxUnavailable') ?? 'N/A')],
    count('Allowed Disruptions', num('status.disruptionsAllowed')),
    age,
  ],
};
