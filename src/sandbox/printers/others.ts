// The columns of the remaining kinds: leases, permissions, webhook configurations, networks, CRDs.

import { asList, asString, asStrings, dig, type Item } from '../types.ts';
import { age, type Cell, count, name, none, type Spec, selectorText, wide } from './cells.ts';

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

const webhookColumns: Spec[] = [name, count('Webhooks', (item) => asList(item.webhooks).length), age];

function ingressHosts(item: Item): string {
  const hosts = asList(dig(item, 'spec.rules'))
    .map((rule) => asString(rule.host))
    .filter(Boolean);
  return hosts.length > 0
    ? hosts.slice(0, 3).join(',') + (hosts.length > 3 ? ` + ${hosts.length - 3} more...` : '')
    : '*';
}

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

export const others: Record<string, Spec[]> = {
  Lease: [name, ['Holder', 'spec.holderIdentity'], age],
  Role: [name, ['Created At', (item) => item.metadata.creationTimestamp]],
  ClusterRole: [name, ['Created At', (item) => item.metadata.creationTimestamp]],
  RoleBinding: bindingColumns,
  ClusterRoleBinding: bindingColumns,
  MutatingWebhookConfiguration: webhookColumns,
  ValidatingWebhookConfiguration: webhookColumns,
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
