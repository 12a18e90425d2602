// The columns of the core kinds: pods, Services, configuration, volumes, events.
import { own } from '../../runtime/own-keys.ts';
import { asList, asNumber, asObj, asString, asStrings, dig, type Item } from '../types.ts';
import { age, type Cell, count, mapText, name, none, type Spec, since, wide } from './cells.ts';

/** Number of keys in the map at a field. */
const keyCount =
  (path: string): Cell =>
  (item) =>
    Object.keys(asObj(item[path])).length;

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

export const core: Record<string, Spec[]> = {
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
    count(
      'Data',
      (item) => (keyCount('data')(item, 0) as number) + (keyCount('binaryData')(item, 0) as number),
    ),
    age,
  ],
  Secret: [name, ['Type', 'type'], count('Data', keyCount('data')), age],
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
    // Unlike other kinds, events show their name only with -o wide.
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
};
