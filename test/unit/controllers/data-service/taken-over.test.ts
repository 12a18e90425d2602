// A DataService whose middleware was there, ready, from an owner before it: taking it over is the last event there is,
// and what waits for it must begin all the same.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { DataService } from '../../../../src/api/data-service.ts';
import { anywhere, parseReach } from '../../../../src/api/reach.ts';
import { dataServiceWorkload } from '../../../../src/controllers/data-service/reconcile.ts';
import { ObjectCache } from '../../../../src/kube/cache.ts';
import type { KubeObject } from '../../../../src/kube/objects.ts';
import { silentLog } from '../../../../src/runtime/log.ts';
import type { Desired } from '../../../../src/workloads/children.ts';
import { Outcome } from '../../../../src/workloads/outcome.ts';
import type { Working } from '../../../../src/workloads/workload.ts';
import { SimulatedClock } from '../../../simulated-clock.ts';

const makers = ['Deployment', 'StatefulSet'];

/** Children are stored as soon as they are wanted, with so many pods ready; nobody tells of them. */
function world(ready: number) {
  const owned: KubeObject[] = [];
  const woken: string[] = [];
  const cache = new ObjectCache<DataService>();
  const reach = parseReach(anywhere);
  const working = {
    clock: new SimulatedClock(),
    log: silentLog,
    recorder: { event() {} },
    reach: { prometheus: reach, thirdParty: reach },
    cache,
    wake: (key: string) => woken.push(key),
    client: { replace: async (_: unknown, object: DataService) => object },
    sources: {
      cacheOf: () => new ObjectCache(),
      ownedBy: ({ kind }: { kind: string }) => owned.filter((child) => child.kind === kind),
    },
    children: {
      async reconcile(_owner: unknown, _resource: unknown, _kinds: unknown, desired: readonly Desired[]) {
        for (const { kind, name, component } of desired) {
          if (!makers.includes(kind.kind) || owned.some(({ metadata }) => metadata.name === name)) continue;
          owned.push({
            apiVersion: 'apps/v1',
            kind: kind.kind,
            metadata: { name, labels: { 'app.kubernetes.io/component': component } } as never,
            spec: { replicas: 1 },
            status: { replicas: 1, updatedReplicas: 1, readyReplicas: ready },
          } as KubeObject);
        }
        return new Outcome();
      },
    },
  };
  const reconciler = dataServiceWorkload.reconciler(working as unknown as Working<DataService>);
  const object = {
    apiVersion: DataService.apiVersion,
    kind: DataService.kind,
    metadata: { name: 'one', namespace: 'shop', uid: 'u', resourceVersion: '1', generation: 1 },
    spec: { eureka: { image: 'shop/eureka:1.0' }, auth: { image: 'shop/auth:1.0' } },
  } as DataService;
  cache.replaceAll([object], '1');
  const pass = () => reconciler.reconcile(object, new AbortController().signal);
  return { owned, woken, pass, stop: () => reconciler.stop?.() };
}

it('what was ready when it was taken over is not waited for', async () => {
  const { owned, woken, pass, stop } = world(1);
  await pass();
  assert.equal(owned.length, 1, 'auth waits for eureka');
  assert.deepEqual(woken, ['shop/one']);
  await pass();
  assert.equal(owned.length, 2);
  // Nothing is behind any more: it is not woken for ever.
  await pass();
  assert.equal(woken.length, 1);
  await stop();
});

it('what has no ready pod yet is waited for: its own events will tell', async () => {
  const { owned, woken, pass, stop } = world(0);
  await pass();
  await pass();
  assert.equal(owned.length, 1);
  assert.deepEqual(woken, []);
  await stop();
});
