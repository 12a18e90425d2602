// The columns of `kubectl get` for the built-in kinds: a table of pure functions from object to cell.

import { own } from '../runtime/own-keys.ts';
import type { Column } from './resources.ts';
import { asList, asNumber, asObj, asString, asStrings, dig, type Item } from './types.ts';

/** A duration as `kubectl` shows ages, with up to two units (apimachinery's HumanDuration). */
function humanDuration(ms: number): string {
  const s = Math.floor(ms / 1000);
  if (s < -1) return '<invalid>';
  if (s < 0) return '0s';
  if (s < 120) return `${s}s`;
  const two = (big: number, unit: string, small: number, rest: string) =>
    `${big}${unit}${small > 0 ? `${small}${rest}` : ''}`;
  const m = Math.floor(s / 60);
  if (m < 10) return two(m, 'm', s % 60, 's');
  if (m < 180) return `${m}m`;
  const h = Math.floor(m / 60);
  if (h < 8) return two(h, 'h', m % 60, 'm');
  if (h < 48) return `${h}h`;
  const d = Math.floor(h / 24);
  if (d < 8) return two(d, 'd', h % 24, 'h');
  if (d < 730) return `${d}d`;
  const y = Math.floor(d / 365);
  return d < 2920 ? two(y, 'y', d % 365, 'd') : `${y}y`;
}

export function since(stamp: unknown, now: number): string {
  return typeof stamp === 'string' && stamp ? humanDuration(now - Date.parse(stamp)) : '<unknown>';
}

type Cell = (item: Item, now: number) => unknown;
type Spec = [name: string, value: Cell | string, type?: string, priority?: number];

const name: Spec = ['Name', (item) => item.metadata.name, 'string'];
const age: Spec = ['Age', (item, now) => since(item.metadata.creationTimestamp, now)];
const wide = (label: string, value: Cell | string): Spec => [label, value, 'string', 1];
const count = (label: string, value: Cell): Spec => [label, value, 'integer'];
const none = (text: string) => text || '<none>';
const num =
  (path: string): Cell =>
  (item) =>
    asNumber(dig(item, path));
const size =
  (path: string): Cell =>
  (item) =>
    Object.keys(asObj(item[path])).length;

function selectorText(selector: unknown): string {
  const { matchLabels, matchExpressions } = asObj(selector);
  const equals = Object.entries(asObj(matchLabels)).map(([key, value]) => `${key}=${value}`);
  const others = asList(matchExpressions).map((e) => {
    const values = `(${asStrings(e.values).join(',')})`;
    const shapes: Record<string, string> = {
      In: `${e.key} in ${values}`,
      NotIn: `${e.key} notin ${values}`,
      Exists: `${e.key}`,
      DoesNotExist: `!${e.key}`,
    };
    return own(shapes, asString(e.operator)) ?? '';
  });
  return none([...equals, ...others].join(','));
}

const mapText = (value: unknown) =>
  none(
    Object.entries(asObj(value))
      .map(([k, v]) => `${k}=${v}`)
      .join(','),
  );
const containers =
  (field: string): Cell =>
  (item) =>
    asList(dig(item, 'spec.template.spec.containers'))
      .map((c) => asString(c[field]))
      .join(',');
const workload: Spec[] = [wide('Containers', containers('name')), wide('Images', containers('image'))];
const selector = wide('Selector', (item) => selectorText(dig(item, 'spec.selector')));

function podStatus(item: Item): string {
  const statuses = asList(dig(item, 'status.containerStatuses'));
  let reason = asString(dig(item, 'status.reason')) || asString(dig(item, 'status.phase')) || 'Unknown';
  for (const status of statuses) {
    const state = asObj(status.state);
    reason = asString(asObj(state.waiting).reason) || asString(asObj(state.terminated).reason) || reason;
  }
  return item.metadata.deletionTimestamp ? 'Terminating' : reason;
}

const podReady: Cell = (item) => {
  const total = asList(dig(item, 'spec.containers')).length;
  return `${asList(dig(item, 'status.containerStatuses')).filter((s) => s.ready === true).length}/${total}`;
};

function servicePorts(item: Item): string {
  return none(
    asList(dig(item, 'spec.ports'))
      .map((p) => `${p.port}${p.nodePort ? `:${p.nodePort}` : ''}/${p.protocol}`)
      .join(','),
  );
}

const externalIp: Cell = (item) => {
  const spec = asObj(item.spec);
  if (spec.type === 'ExternalName') return spec.externalName;
  const given = asStrings(spec.externalIPs).join(',');
  return given || (spec.type === 'LoadBalancer' ? '<pending>' : '<none>');
};

function hpaTargets(item: Item): string {
  const current = asList(dig(item, 'status.currentMetrics'));
  const texts = asList(dig(item, 'spec.metrics')).map((metric, i) => {
    const source = asObj(
      own(metric, `${asString(metric.type).charAt(0).toLowerCase()}${asString(metric.type).slice(1)}`),
    );
    const target = asObj(source.target);
    const now = asObj(asObj(asObj(current[i]).resource).current);
    const unit = target.averageUtilization === undefined ? '' : '%';
    const wanted = target.averageUtilization ?? target.averageValue ?? target.value;
    const known = now.averageUtilization === undefined ? '<unknown>' : `${now.averageUtilization}%`;
    return `${source.name ? `${source.name}: ` : ''}${known}/${wanted}${unit}`;
  });
  return texts.join(', ') || '<none>';
}

const eventTime = (item: Item): unknown =>
  item.lastTimestamp || dig(item, 'series.lastObservedTime') || item.firstTimestamp || item.eventTime;
const modes: Record<string, string> = {
  ReadWriteOnce: 'RWO',
  ReadOnlyMany: 'ROX',
  ReadWriteMany: 'RWX',
  ReadWriteOncePod: 'RWOP',
};
const accessModes =
  (path: string): Cell =>
  (item) =>
    asStrings(dig(item, path))
      .map((mode) => own(modes, mode) ?? mode)
      .join(',');
const roleRef: Spec = ['Role', (item) => `${dig(item, 'roleRef.kind')}/${dig(item, 'roleRef.name')}`];
const subjects =
  (kind: string): Cell =>
  (item) =>
    asList(item.subjects)
      .filter((s) => s.kind === kind)
      .map((s) => (s.namespace ? `${s.namespace}/${s.name}` : s.name))
      .join(', ');
const bindingColumns: Spec[] = [
  name,
  roleRef,
  age,
  wide('Users', subjects('User')),
  wide('Groups', subjects('Group')),
  wide('ServiceAccounts', subjects('ServiceAccount')),
];
const hookColumns: Spec[] = [name, count('Webhooks', (item) => asList(item.webhooks).length), age];
const replicas =
  (path: string): Cell =>
  (item) =>
    asNumber(dig(item, path), 0);

function ingressHosts(item: Item): string {
  const hosts = asList(dig(item, 'spec.rules'))
    .map((rule) => asString(rule.host))
    .filter(Boolean);
  return hosts.length > 0
    ? hosts.slice(0, 3).join(',') + (hosts.length > 3 ? ` + ${hosts.length - 3} more...` : '')
    : '*';
}

const specs: Record<string, Spec[]> = {
  Namespace: [name, ['Status', 'status.phase'], age],
  Pod: [
    name,
    ['Ready', podReady],
    ['Status', (item) => podStatus(item)],
    [
      'Restarts',
      (item) =>
        String(
          asList(dig(item, 'status.containerStatuses')).reduce((n, s) => n + asNumber(s.restartCount), 0),
        ),
    ],
    age,
    wide('IP', (item) => none(asString(dig(item, 'status.podIP')))),
    wide('Node', (item) => none(asString(dig(item, 'spec.nodeName')))),
    wide('Nominated Node', (item) => none(asString(dig(item, 'status.nominatedNodeName')))),
    wide('Readiness Gates', () => '<none>'),
  ],
  Service: [
    name,
    ['Type', 'spec.type'],
    ['Cluster-IP', (item) => none(asString(dig(item, 'spec.clusterIP')))],
    ['External-IP', externalIp],
    ['Port(s)', servicePorts],
    age,
    wide('Selector', (item) => mapText(dig(item, 'spec.selector'))),
  ],
  ConfigMap: [
    name,
    count('Data', (item) => (size('data')(item, 0) as number) + (size('binaryData')(item, 0) as number)),
    age,
  ],
  Secret: [name, ['Type', 'type'], count('Data', size('data')), age],
  ServiceAccount: [name, age],
  Event: [
    ['Last Seen', (item, now) => since(eventTime(item), now)],
    ['Type', 'type'],
    ['Reason', 'reason'],
    [
      'Object',
      (item) =>
        `${asString(dig(item, 'involvedObject.kind') ?? dig(item, 'regarding.kind')).toLowerCase()}/${dig(item, 'involvedObject.name') ?? dig(item, 'regarding.name')}`,
    ],
    wide('Subobject', 'involvedObject.fieldPath'),
    wide('Source', (item) =>
      asString(
        dig(item, 'source.component') ?? dig(item, 'deprecatedSource.component') ?? item.reportingComponent,
      ),
    ),
    ['Message', (item) => asString(item.message ?? item.note).trim()],
    wide('First Seen', (item, now) => since(item.firstTimestamp ?? item.eventTime, now)),
    wide('Count', (item) => String(item.count ?? dig(item, 'series.count') ?? 1)),
    ['Name', (item) => item.metadata.name, 'string', 1],
  ],
  PersistentVolume: [
    name,
    ['Capacity', 'spec.capacity.storage'],
    ['Access Modes', accessModes('spec.accessModes')],
    ['Reclaim Policy', 'spec.persistentVolumeReclaimPolicy'],
    ['Status', 'status.phase'],
    [
      'Claim',
      (item) =>
        dig(item, 'spec.claimRef')
          ? `${dig(item, 'spec.claimRef.namespace')}/${dig(item, 'spec.claimRef.name')}`
          : '',
    ],
    ['StorageClass', 'spec.storageClassName'],
    ['VolumeAttributesClass', () => '<unset>'],
    ['Reason', 'status.reason'],
    age,
    wide('VolumeMode', 'spec.volumeMode'),
  ],
  PersistentVolumeClaim: [
    name,
    ['Status', (item) => (item.metadata.deletionTimestamp ? 'Terminating' : dig(item, 'status.phase'))],
    ['Volume', 'spec.volumeName'],
    ['Capacity', 'status.capacity.storage'],
    ['Access Modes', accessModes('status.accessModes')],
    ['StorageClass', 'spec.storageClassName'],
    ['VolumeAttributesClass', () => '<unset>'],
    age,
    wide('VolumeMode', 'spec.volumeMode'),
  ],
  Endpoints: [
    name,
    [
      'Endpoints',
      (item) =>
        none(
          asList(item.subsets)
            .flatMap((s) =>
              asList(s.addresses).flatMap((a) => asList(s.ports).map((p) => `${a.ip}:${p.port}`)),
            )
            .join(','),
        ),
    ],
    age,
  ],
  Node: [
    name,
    ['Status', () => 'Ready'],
    ['Roles', () => '<none>'],
    age,
    ['Version', 'status.nodeInfo.kubeletVersion'],
  ],
  Deployment: [
    name,
    [
      'Ready',
      (item) => `${asNumber(dig(item, 'status.readyReplicas'))}/${asNumber(dig(item, 'spec.replicas'))}`,
    ],
    count('Up-to-date', num('status.updatedReplicas')),
    count('Available', num('status.availableReplicas')),
    age,
    ...workload,
    selector,
  ],
  ReplicaSet: [
    name,
    count('Desired', replicas('spec.replicas')),
    count('Current', num('status.replicas')),
    count('Ready', num('status.readyReplicas')),
    age,
    ...workload,
    selector,
  ],
  StatefulSet: [
    name,
    [
      'Ready',
      (item) => `${asNumber(dig(item, 'status.readyReplicas'))}/${asNumber(dig(item, 'spec.replicas'))}`,
    ],
    age,
    ...workload,
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
    ...workload,
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
  Lease: [name, ['Holder', 'spec.holderIdentity'], age],
  Role: [name, ['Created At', (item) => item.metadata.creationTimestamp]],
  ClusterRole: [name, ['Created At', (item) => item.metadata.creationTimestamp]],
  RoleBinding: bindingColumns,
  ClusterRoleBinding: bindingColumns,
  MutatingWebhookConfiguration: hookColumns,
  ValidatingWebhookConfiguration: hookColumns,
  EndpointSlice: [
    name,
    ['AddressType', 'addressType'],
    [
      'Ports',
      (item) =>
        none(
          asList(item.ports)
            .map((p) => p.port)
            .join(','),
        ),
    ],
    [
      'Endpoints',
      (item) =>
        none(
          asList(item.endpoints)
            .flatMap((e) => asStrings(e.addresses))
            .join(','),
        ),
    ],
    age,
  ],
  Ingress: [
    name,
    ['Class', (item) => none(asString(dig(item, 'spec.ingressClassName')))],
    ['Hosts', (item) => ingressHosts(item)],
    [
      'Address',
      (item) =>
        asList(dig(item, 'status.loadBalancer.ingress'))
          .map((i) => i.ip ?? i.hostname)
          .join(','),
    ],
    ['Ports', (item) => (dig(item, 'spec.tls') ? '80, 443' : '80')],
    age,
  ],
  CustomResourceDefinition: [
    name,
    ['Scope', 'spec.scope'],
    ['Versions', (item) => servedVersions(item)],
    ['Created At', (item) => item.metadata.creationTimestamp, 'date'],
    wide('Group', 'spec.group'),
    wide('Kind', 'spec.names.kind'),
    wide('ShortNames', (item) => asStrings(dig(item, 'spec.names.shortNames')).join(',')),
    ['Established', (item) => isEstablished(item), 'boolean', 1],
  ],
  IngressClass: [name, ['Controller', 'spec.controller'], ['Parameters', () => '<none>'], age],
  NetworkPolicy: [name, ['Pod-Selector', (item) => selectorText(dig(item, 'spec.podSelector'))], age],
  StorageClass: [
    name,
    ['Provisioner', 'provisioner'],
    ['ReclaimPolicy', 'reclaimPolicy'],
    ['VolumeBindingMode', 'volumeBindingMode'],
    ['AllowVolumeExpansion', (item) => item.allowVolumeExpansion === true, 'boolean'],
    age,
  ],
  PriorityClass: [
    name,
    count('Value', (item) => item.value),
    ['Global-Default', (item) => item.globalDefault === true, 'boolean'],
    age,
    ['PreemptionPolicy', 'preemptionPolicy'],
  ],
};

function servedVersions(item: Item): string {
  return asList(dig(item, 'spec.versions'))
    .filter(({ served }) => served === true)
    .map((version) => `${version.name}${version.storage === true ? '(storage)' : ''}`)
    .join(',');
}

const isEstablished = (item: Item): boolean =>
  asList(dig(item, 'status.conditions')).some(
    ({ type, status }) => type === 'Established' && status === 'True',
  );

const plain: Spec[] = [name, ['Created At', (item) => item.metadata.creationTimestamp]];

function column([label, value, type = 'string', priority = 0]: Spec): Column {
  const cell: Cell = typeof value === 'string' ? (item) => dig(item, value) ?? '' : value;
  return { name: label, type, priority, value: cell, ...(label === 'Name' ? { format: 'name' } : {}) };
}

export const columnsOf = (kind: string): Column[] => (own(specs, kind) ?? plain).map(column);
