// Workloads as objects: defaults, what is refused, what cannot change. No controller touches them here.

import type { Json, Topic } from '../types.ts';
import { apps, core, deployment, deployments, get, patch, pod, pods, podTemplate, post } from './make.ts';

const set = (kind: string, name: string, spec: Json = {}): Json => ({
  apiVersion: 'apps/v1',
  kind,
  metadata: { name },
  spec: { selector: { matchLabels: { app: name } }, template: podTemplate(name), ...spec },
});
const hpas = (version: string) => `/apis/autoscaling/${version}/namespaces/@{ns}/horizontalpodautoscalers`;
const target = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'd' };
const container = (more: Json): Json => ({ containers: [{ name: 'c', image: 'i', ...more }] });
const refuse = (name: string, spec: Json) => post(`pod: ${name}`, `${pods}?dryRun=All`, pod('no', spec));

export const workloads: Topic = {
  name: 'workloads',
  steps: [
    post('a deployment', deployments, deployment('d')),
    post(
      'a deployment with everything',
      deployments,
      deployment('e', {
        replicas: 3,
        minReadySeconds: 5,
        revisionHistoryLimit: 2,
        progressDeadlineSeconds: 60,
        paused: true,
        strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '50%', maxUnavailable: 1 } },
      }),
    ),
    post('no selector', `${deployments}?dryRun=All`, deployment('x', { selector: undefined })),
    post('an empty selector', `${deployments}?dryRun=All`, deployment('x', { selector: {} })),
    post('no template', `${deployments}?dryRun=All`, deployment('x', { template: undefined })),
    post(
      'neither surge nor unavailable',
      `${deployments}?dryRun=All`,
      deployment('x', { strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: 0 } } }),
    ),
    post('an odd strategy', `${deployments}?dryRun=All`, deployment('x', { strategy: { type: 'Odd' } })),
    post(
      'recreate with a rolling update',
      `${deployments}?dryRun=All`,
      deployment('x', { strategy: { type: 'Recreate', rollingUpdate: {} } }),
    ),
    post(
      'a template that restarts never',
      `${deployments}?dryRun=All`,
      deployment('x', { template: podTemplate('x', { restartPolicy: 'Never' }) }),
    ),
    post(
      'a deadline too short',
      `${deployments}?dryRun=All`,
      deployment('x', { minReadySeconds: 10, progressDeadlineSeconds: 5 }),
    ),
    patch('merge', 'another selector', `${deployments}/d`, {
      spec: { selector: { matchLabels: { app: 'e' } } },
    }),
    patch('strategic', 'another image', `${deployments}/d`, {
      spec: { template: { spec: { containers: [{ name: 'c', image: 'j' }] } } },
    }),
    post('a replica set', `${apps}/replicasets`, set('ReplicaSet', 'r', { replicas: 2 })),
    post(
      'a stateful set',
      `${apps}/statefulsets`,
      set('StatefulSet', 's', {
        serviceName: 'svc',
        volumeClaimTemplates: [
          {
            metadata: { name: 'v' },
            spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
          },
        ],
      }),
    ),
    patch('merge', 'a stateful set’s service', `${apps}/statefulsets/s`, { spec: { serviceName: 'other' } }),
    patch('merge', 'a stateful set’s replicas', `${apps}/statefulsets/s`, { spec: { replicas: 4 } }),
    post('a daemon set', `${apps}/daemonsets`, set('DaemonSet', 'ds')),
    patch('merge', 'a daemon set’s selector', `${apps}/daemonsets/ds`, {
      spec: { selector: { matchLabels: { x: 'y' } } },
    }),
    get('a daemon set’s scale', `${apps}/daemonsets/ds/scale`),
    post('a revision', `${apps}/controllerrevisions`, {
      metadata: { name: 'cr' },
      revision: 1,
      data: { a: 1 },
    }),
    post('an autoscaler', hpas('v1'), {
      metadata: { name: 'h' },
      spec: { scaleTargetRef: target, maxReplicas: 3, targetCPUUtilizationPercentage: 50 },
    }),
    post('an autoscaler with little', hpas('v1'), {
      metadata: { name: 'h2' },
      spec: { scaleTargetRef: target, maxReplicas: 3 },
    }),
    post('an autoscaler that cannot', hpas('v1'), {
      metadata: { name: 'h3' },
      spec: { scaleTargetRef: { kind: '', name: '' }, minReplicas: 5, maxReplicas: 3 },
    }),
    post('an autoscaler below one', hpas('v1'), {
      metadata: { name: 'h4' },
      spec: { scaleTargetRef: target, minReplicas: 0, maxReplicas: 0 },
    }),
    post(
      'a pod with everything',
      pods,
      pod('p', {
        ...container({
          ports: [{ containerPort: 80 }],
          env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }],
          resources: { limits: { cpu: '1.5', memory: '128Mi' } },
          livenessProbe: { httpGet: { path: '/', port: 80 } },
          readinessProbe: { tcpSocket: { port: 'web' } },
          volumeMounts: [{ name: 'v', mountPath: '/v' }],
        }),
        volumes: [
          { name: 'v', emptyDir: {} },
          { name: 'c', configMap: { name: 'x' } },
          { name: 's', secret: { secretName: 'y' } },
        ],
        initContainers: [{ name: 'i', image: 'reg.example.com/i:1.0' }],
        automountServiceAccountToken: false,
      }),
    ),
    post(
      'a pod with latest',
      pods,
      pod('latest', {
        containers: [
          { name: 'a', image: 'x:latest' },
          { name: 'b', image: 'x@sha256:0000000000000000000000000000000000000000000000000000000000000000' },
        ],
        automountServiceAccountToken: false,
      }),
    ),
    post(
      'a pod of guaranteed quality',
      pods,
      pod('g', {
        ...container({ resources: { limits: { cpu: '500m', memory: '1Gi' } } }),
        automountServiceAccountToken: false,
      }),
    ),
    post('a pod of another account', `${pods}?dryRun=All`, pod('no', { serviceAccountName: 'nobody' })),
    post('a pod of no priority class', `${pods}?dryRun=All`, pod('no', { priorityClassName: 'none' })),
    post(
      'a pod of a priority class',
      pods,
      pod('prio', { priorityClassName: 'system-node-critical', automountServiceAccountToken: false }),
    ),
    refuse('an odd policy', { restartPolicy: 'Perhaps' }),
    refuse('an odd dns policy', { dnsPolicy: 'Perhaps' }),
    refuse('no image', { containers: [{ name: 'c' }] }),
    refuse('a mount of nothing', container({ volumeMounts: [{ name: 'none', mountPath: '/x' }] })),
    refuse('a volume of two kinds', {
      ...container({}),
      volumes: [{ name: 'v', emptyDir: {}, hostPath: { path: '/' } }],
    }),
    refuse('a volume twice', {
      ...container({}),
      volumes: [
        { name: 'v', emptyDir: {} },
        { name: 'v', emptyDir: {} },
      ],
    }),
    refuse('a port too high', container({ ports: [{ containerPort: 70000 }] })),
    refuse('a bad variable', container({ env: [{ name: '1 2', value: 'x' }] })),
    refuse('more than the limit', container({ resources: { requests: { cpu: '2' }, limits: { cpu: '1' } } })),
    refuse('a bad quantity', container({ resources: { limits: { cpu: 'lots' } } })),
    refuse(
      'a probe of two kinds',
      container({ livenessProbe: { exec: { command: ['x'] }, tcpSocket: { port: 1 } } }),
    ),
    refuse('a negative grace', { ...container({}), terminationGracePeriodSeconds: -1 }),
    refuse('a bad node name', { ...container({}), nodeName: 'A_' }),
    refuse('a bad toleration', { ...container({}), tolerations: [{ operator: 'Exists', value: 'x' }] }),
    post(
      'a budget',
      '/apis/policy/v1beta1/namespaces/@{ns}/poddisruptionbudgets',
      { metadata: { name: 'b' }, spec: { minAvailable: 1, selector: { matchLabels: { a: 'b' } } } },
      { pick: 'spec' },
    ),
    post('an ingress', '/apis/networking.k8s.io/v1/namespaces/@{ns}/ingresses', {
      metadata: { name: 'i' },
      spec: {
        rules: [
          {
            host: 'a.example.com',
            http: {
              paths: [
                { path: '/', pathType: 'Prefix', backend: { service: { name: 's', port: { number: 80 } } } },
              ],
            },
          },
        ],
      },
    }),
    post('an empty ingress', '/apis/networking.k8s.io/v1/namespaces/@{ns}/ingresses', {
      metadata: { name: 'i2' },
      spec: {},
    }),
    post('a network policy', '/apis/networking.k8s.io/v1/namespaces/@{ns}/networkpolicies', {
      metadata: { name: 'n' },
      spec: { podSelector: {}, ingress: [{}] },
    }),
    post('a storage class', '/apis/storage.k8s.io/v1/storageclasses', {
      metadata: { name: 'd-class' },
      provisioner: 'example.com/x',
    }),
    post('a priority class', '/apis/scheduling.k8s.io/v1/priorityclasses', {
      metadata: { name: 'd-high' },
      value: 1000,
    }),
    post('a volume', '/api/v1/persistentvolumes', {
      metadata: { name: 'd-volume' },
      spec: { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], hostPath: { path: '/x' } },
    }),
    post('a node', '/api/v1/nodes', { metadata: { name: 'd-node' } }),
    post('a quota', `${core}/resourcequotas`, { metadata: { name: 'q' }, spec: { hard: { pods: '1' } } }),
  ],
};
