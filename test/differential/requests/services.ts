// Services: addresses, ports, types, what cannot change. And events, of both groups.

import type { Json, Topic } from '../types.ts';
import { core, del, events, get, patch, post, put, service, services } from './make.ts';

const dry = `${services}?dryRun=All`;
const event = (name: string, more: Json = {}): Json => ({
  metadata: { name },
  involvedObject: {
    kind: 'Pod',
    name: 'p',
    namespace: 'd-events',
    uid: 'u',
    apiVersion: 'v1',
    fieldPath: 'spec',
  },
  reason: 'Made',
  message: 'it was made',
  type: 'Normal',
  source: { component: 'test', host: 'h' },
  firstTimestamp: '2020-01-01T00:00:00Z',
  lastTimestamp: '2020-01-01T00:00:01Z',
  count: 1,
  ...more,
});
const newEvents = '/apis/events.k8s.io/v1/namespaces/@{ns}/events';

export const serviceTopic: Topic = {
  name: 'services',
  steps: [
    post('a service', services, service('a'), {
      save: { ip: 'spec.clusterIP', rv: 'metadata.resourceVersion' },
    }),
    post('the same address', services, service('b1', { clusterIP: '@{ip}' })),
    post('an address out of range', services, service('b2', { clusterIP: '1.2.3.4' })),
    post('an address that is none', dry, service('b', { clusterIP: 'here' })),
    post('an address of its own', services, service('own', { clusterIP: '10.96.200.200' })),
    post('headless', services, service('headless', { clusterIP: 'None' })),
    post('a node port', services, service('np', { type: 'NodePort' }), {
      save: { port: 'spec.ports.0.nodePort' },
    }),
    post(
      'a node port of its own',
      services,
      service('np2', { type: 'NodePort', ports: [{ port: 80, nodePort: 30080 }] }),
    ),
    post(
      'a node port out of range',
      services,
      service('np3', { type: 'NodePort', ports: [{ port: 80, nodePort: 80 }] }),
    ),
    post(
      'a node port that is taken',
      services,
      service('np4', { type: 'NodePort', ports: [{ port: 80, nodePort: 30080 }] }),
    ),
    post('a load balancer', services, service('lb', { type: 'LoadBalancer' })),
    post('an external name', services, {
      metadata: { name: 'ext' },
      spec: { type: 'ExternalName', externalName: 'a.example.com' },
    }),
    post('an external name without one', dry, { metadata: { name: 'x' }, spec: { type: 'ExternalName' } }),
    post('no ports', dry, service('x', { ports: [] })),
    post('ports without names', dry, service('x', { ports: [{ port: 80 }, { port: 81 }] })),
    post(
      'ports of the same name',
      dry,
      service('x', {
        ports: [
          { port: 80, name: 'a' },
          { port: 81, name: 'a' },
        ],
      }),
    ),
    post(
      'the same port twice',
      dry,
      service('x', {
        ports: [
          { port: 80, name: 'a' },
          { port: 80, name: 'b' },
        ],
      }),
    ),
    post('a port too high', dry, service('x', { ports: [{ port: 70000 }] })),
    post('an odd protocol', dry, service('x', { ports: [{ port: 80, protocol: 'ODD' }] })),
    post('an odd type', dry, service('x', { type: 'Odd' })),
    post('an odd affinity', dry, service('x', { sessionAffinity: 'Odd' })),
    post('client affinity', dry, service('x', { sessionAffinity: 'ClientIP' })),
    post('a bad name', dry, service('1x')),
    post('a named target', dry, service('x', { ports: [{ port: 80, targetPort: 'web' }] })),
    post('a bad named target', dry, service('x', { ports: [{ port: 80, targetPort: 'Web_' }] })),
    post('a node port without the type', dry, service('x', { ports: [{ port: 80, nodePort: 30081 }] })),
    post('a headless node port', dry, service('x', { type: 'NodePort', clusterIP: 'None' })),
    post('external addresses', dry, service('x', { externalIPs: ['1.2.3.4'] })),
    post('a bad external address', dry, service('x', { externalIPs: ['x'] })),
    post('a local policy', dry, service('x', { type: 'NodePort', externalTrafficPolicy: 'Local' })),
    post('no selector', dry, service('x', { selector: undefined })),
    put('a put with its version', `${services}/a`, {
      ...service('a', { ports: [{ port: 81 }] }),
      metadata: { name: 'a', resourceVersion: '@{rv}' },
    }),
    patch('merge', 'another address', `${services}/a`, { spec: { clusterIP: '10.96.3.3' } }),
    patch('merge', 'to a node port', `${services}/a`, { spec: { type: 'NodePort' } }),
    patch('merge', 'back to an address', `${services}/a`, {
      spec: { type: 'ClusterIP', ports: [{ port: 81, nodePort: null }] },
    }),
    patch('merge', 'to an external name', `${services}/own`, {
      spec: {
        type: 'ExternalName',
        externalName: 'x.example.com',
        clusterIP: null,
        ports: null,
        selector: null,
      },
    }),
    del('its address is free', `${services}/a`),
    post('and taken again', services, service('again', { clusterIP: '@{ip}' })),
    get('the API’s own', '/api/v1/namespaces/default/services/kubernetes', { pick: 'spec.clusterIP' }),
    get('no endpoints of ours', `${core}/endpoints`),
  ],
};

export const eventTopic: Topic = {
  name: 'events',
  steps: [
    post('an event', events, event('e1')),
    post(
      'an event of elsewhere',
      events,
      event('e2', { involvedObject: { kind: 'Pod', name: 'p', namespace: 'other' } }),
    ),
    post('an event of nothing', events, { metadata: { name: 'e3' } }),
    post('an event of an odd type', events, event('e4', { type: 'Odd' })),
    patch('strategic', 'counted', `${events}/e1`, { count: 2, lastTimestamp: '2020-01-01T00:00:09Z' }),
    get('in the other group', `${newEvents}/e1`),
    post('a new event', newEvents, {
      metadata: { name: 'n1' },
      eventTime: '2020-01-01T00:00:00.000001Z',
      reportingController: 'example.com/test',
      reportingInstance: 'test-1',
      action: 'Making',
      reason: 'Made',
      regarding: { kind: 'Pod', name: 'p', namespace: '@{ns}' },
      note: 'it was made',
      type: 'Normal',
    }),
    post('a new event without much', newEvents, {
      metadata: { name: 'n2' },
      regarding: { namespace: '@{ns}' },
    }),
    get('as an old one', `${events}/n1`),
    get('by what it regards', `${newEvents}?fieldSelector=regarding.name%3Dp,reason%3DMade`),
    get('by its controller', `${newEvents}?fieldSelector=reportingController%3Dexample.com%2Ftest`),
    patch('merge', 'a series', `${newEvents}/n1`, {
      series: { count: 2, lastObservedTime: '2020-01-01T00:00:02.000000Z' },
    }),
    patch('merge', 'another note', `${newEvents}/n1`, { note: 'changed' }),
    del('a new one deleted', `${newEvents}/n1`),
    get('old ones by name', `${events}?fieldSelector=involvedObject.name%3Dp`),
  ],
};
