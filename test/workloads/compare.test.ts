// What counts as the same to the server, and what a stranger added.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { includes, restored, withoutForeignEntries } from '../../src/workloads/compare.ts';
import { hashOf, labelValue } from '../../src/workloads/identity.ts';
import { victims } from '../../src/workloads/victims.ts';

test('what the server puts in, drops or writes otherwise is no difference', () => {
  const wanted = {
    spec: {
      replicas: 2,
      env: [],
      template: {
        containers: [
          {
            name: 'a',
            image: 'i:1',
            resources: { limits: { cpu: '1000m', memory: '1Gi' }, requests: {} },
            ports: [{ containerPort: 80, protocol: 'TCP' }],
          },
        ],
      },
    },
  };
  const stored = {
    metadata: { uid: 'u' },
    spec: {
      replicas: 2,
      strategy: { type: 'RollingUpdate' },
      template: {
        containers: [
          { name: 'sidecar', image: 's:1' },
          {
            name: 'a',
            image: 'i:1',
            imagePullPolicy: 'Always',
            resources: { limits: { cpu: '1', memory: '1024Mi' } },
            ports: [{ containerPort: 80, protocol: 'TCP', name: 'x' }],
          },
        ],
      },
    },
  };
  assert.ok(includes(stored, wanted));
  assert.equal(withoutForeignEntries(stored, wanted), stored);
});

test('a difference is one, also where it looks like a quantity and is none', () => {
  assert.ok(!includes({ data: { a: '1000m' } }, { data: { a: '1' } }));
  assert.ok(!includes({ spec: { replicas: 3 } }, { spec: { replicas: 2 } }));
  assert.ok(!includes({ args: ['a', 'b'] }, { args: ['a'] }));
  assert.ok(
    !includes({ ports: [{ port: 80, protocol: 'UDP' }] }, { ports: [{ port: 80, protocol: 'TCP' }] }),
  );
  assert.ok(!includes({}, { replicas: 2 }));
});

test('a stranger goes where everything is ours, and stays elsewhere', () => {
  const wanted = {
    metadata: { labels: { a: '1' } },
    spec: { selector: { app: 'x' }, ports: [{ port: 80, protocol: 'TCP' }] },
  };
  const stored = {
    metadata: { labels: { a: '1', theirs: 'stays' } },
    spec: {
      selector: { app: 'x', odd: 'y' },
      ports: [
        { port: 80, protocol: 'TCP', nodePort: 3 },
        { port: 81, protocol: 'TCP' },
      ],
      type: 'ClusterIP',
    },
  };
  assert.deepEqual(withoutForeignEntries(stored, wanted), {
    metadata: { labels: { a: '1', theirs: 'stays' } },
    spec: { selector: { app: 'x' }, ports: [{ port: 80, protocol: 'TCP', nodePort: 3 }], type: 'ClusterIP' },
  });
  const renumbered = { spec: { ports: [{ name: 'h', port: 81, protocol: 'TCP' }] } };
  const ours = { spec: { ports: [{ name: 'h', port: 80, protocol: 'TCP' }] } };
  assert.deepEqual(restored(renumbered, ours), ours);
});

test('variables are put in their order, since one may refer to those before it', () => {
  const env = (...names: string[]) => ({ env: names.map((name) => ({ name, value: name })) });
  const stored = env('B', 'A', 'C');
  assert.deepEqual(withoutForeignEntries(stored, env('A', 'B', 'C')), env('A', 'B', 'C'));
  assert.equal(withoutForeignEntries(stored, env('B', 'A', 'C')), stored);
  assert.deepEqual(withoutForeignEntries(stored, env('C', 'B')), env('C', 'B'));
});

test('the hash of what is applied does not depend on the order of keys', () => {
  assert.equal(hashOf({ a: 1, b: { c: 2, d: 3 } }), hashOf({ b: { d: 3, c: 2 }, a: 1 }));
  assert.notEqual(hashOf({ a: [1, 2] }), hashOf({ a: [2, 1] }));
});

test('long names make label values that are valid and told apart', () => {
  const long = 'a'.repeat(70);
  assert.equal(labelValue('short'), 'short');
  assert.equal(labelValue(long).length, 63);
  assert.notEqual(labelValue(`${long}x`), labelValue(`${long}y`));
});

test('victims: not placed, pending, not ready, restarted, then the newest', () => {
  const pod = (
    name: string,
    over: { node?: boolean; phase?: string; ready?: boolean; restarts?: number; at?: number },
  ) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      uid: name,
      resourceVersion: '1',
      creationTimestamp: new Date(over.at ?? 0).toISOString(),
    },
    spec: over.node === false ? {} : { nodeName: 'n' },
    status: {
      phase: over.phase ?? 'Running',
      conditions: [{ type: 'Ready', status: over.ready === false ? 'False' : 'True' }],
      containerStatuses: [{ name: 'c', restartCount: over.restarts ?? 0 }],
    },
  });
  const all = [
    pod('old', {}),
    pod('new', { at: 5000 }),
    pod('restarted', { restarts: 2 }),
    pod('unready', { ready: false }),
    pod('pending', { phase: 'Pending' }),
    pod('unplaced', { node: false }),
  ];
  const order = ['unplaced', 'pending', 'unready', 'restarted', 'new', 'old'];
  assert.deepEqual(
    victims(all, 6).map(({ metadata }) => metadata.name),
    order,
  );
  assert.deepEqual(
    victims(all, 2).map(({ metadata }) => metadata.name),
    order.slice(0, 2),
  );
});
