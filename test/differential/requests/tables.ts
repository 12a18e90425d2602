// Answers as tables and as metadata only, of built-in kinds.

import type { Topic } from '../types.ts';
import {
  configMap,
  configMaps,
  core,
  deployment,
  deployments,
  get,
  namespaces,
  partial,
  partialList,
  pod,
  pods,
  post,
  secrets,
  service,
  services,
  table,
} from './make.ts';

const t = { headers: table };
const batch = { headers: { accept: 'application/json;as=Table;v=v1beta1;g=meta.k8s.io' } };

export const tables: Topic = {
  name: 'tables',
  steps: [
    post('a map', configMaps, configMap('a', { x: '1', y: '2' }, { labels: { t: '1' } }), { setup: true }),
    post('a pod', pods, pod('p', { nodeName: 'n1' }, { labels: { t: '1' } }), { setup: true }),
    post('a deployment', deployments, deployment('d', { replicas: 2 }), { setup: true }),
    post(
      'a service',
      services,
      service('s', {
        ports: [
          { port: 80, name: 'a' },
          { port: 81, name: 'b', protocol: 'UDP' },
        ],
      }),
      { setup: true },
    ),
    post('a headless service', services, service('h', { clusterIP: 'None', selector: null }), {
      setup: true,
    }),
    post(
      'a named service',
      services,
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'x' },
        spec: { type: 'ExternalName', externalName: 'a.b' },
      },
      { setup: true },
    ),
    post('a secret', secrets, { metadata: { name: 's' }, data: { a: 'aGk=' } }, { setup: true }),
    get('config maps', `${configMaps}?labelSelector=t`, t),
    get('one config map', `${configMaps}/a`, t),
    get('one with its object', `${configMaps}/a?includeObject=Object`, t),
    get('one without an object', `${configMaps}/a?includeObject=None`, t),
    get('one with what there is not', `${configMaps}/a?includeObject=Some`, t),
    get('config maps, in the beta', `${configMaps}?labelSelector=t`, batch),
    get('pods', pods, t),
    get('deployments', deployments, t),
    get('services', services, t),
    get('secrets', `${secrets}/s`, t),
    get('the namespace', `${namespaces}/@{ns}`, t),
    get('service accounts', `${core}/serviceaccounts/default`, t),
    get('replica sets', '/apis/apps/v1/namespaces/@{ns}/replicasets', t),
    get('stateful sets', '/apis/apps/v1/namespaces/@{ns}/statefulsets', t),
    get('daemon sets', '/apis/apps/v1/namespaces/@{ns}/daemonsets', t),
    get('events', `${core}/events`, t),
    get('nodes', '/api/v1/nodes?labelSelector=none', t),
    get('endpoints', `${core}/endpoints`, t),
    get('claims', `${core}/persistentvolumeclaims`, t),
    get('volumes', '/api/v1/persistentvolumes?labelSelector=none', t),
    get('autoscalers', '/apis/autoscaling/v1/namespaces/@{ns}/horizontalpodautoscalers', t),
    get('leases', '/apis/coordination.k8s.io/v1/namespaces/@{ns}/leases', t),
    get('roles', '/apis/rbac.authorization.k8s.io/v1/namespaces/@{ns}/roles', t),
    get('role bindings', '/apis/rbac.authorization.k8s.io/v1/namespaces/@{ns}/rolebindings', t),
    get(
      'a cluster role binding',
      '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings?labelSelector=none',
      t,
    ),
    get('ingresses', '/apis/networking.k8s.io/v1/namespaces/@{ns}/ingresses', t),
    get('network policies', '/apis/networking.k8s.io/v1/namespaces/@{ns}/networkpolicies', t),
    get('storage classes', '/apis/storage.k8s.io/v1/storageclasses?labelSelector=none', t),
    get(
      'validating webhooks',
      '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations?labelSelector=none',
      t,
    ),
    get('an error', `${configMaps}/none`, t),
    get('a first page', `${services}?limit=1`, t),
    get('metadata of one', `${configMaps}/a`, { headers: partial }),
    get('metadata of many', `${configMaps}?labelSelector=t`, { headers: partialList }),
    get('metadata, or else all', `${configMaps}/a`, {
      headers: { accept: 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io,application/json' },
    }),
    get('metadata in the beta', `${configMaps}/a`, {
      headers: { accept: 'application/json;as=PartialObjectMetadata;v=v1beta1;g=meta.k8s.io' },
    }),
    get('metadata in YAML', `${configMaps}/a`, {
      headers: { accept: 'application/yaml;as=PartialObjectMetadata;v=v1;g=meta.k8s.io' },
    }),
    post('a table of what is made', configMaps, configMap('made'), t),
    post('metadata of what is made', configMaps, configMap('made2'), { headers: partial }),
  ],
};
