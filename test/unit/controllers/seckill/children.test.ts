// What a Seckill's children are: the defects of the original operator cannot come back.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Seckill, SeckillSpec } from '../../../../src/api/seckill.ts';
import {
  desiredOf,
  replicasAnnotation,
  type Situation,
} from '../../../../src/controllers/seckill/children.ts';
import type { Desired } from '../../../../src/workloads/children.ts';
import type { Reference } from '../../../../src/workloads/references.ts';

const go = {
  enabled: true,
  image: 'shop/go:1.0',
  replicas: 2,
  ports: [{ name: 'http', port: 80, targetPort: 8080 }],
};
const kafkaScaler = { bootstrapServers: 'b:9092', consumerGroup: 'g', topic: 't' };

function seckill(spec: SeckillSpec, name = 'sale'): Seckill {
  return {
    apiVersion: 'ops.couponkill.io/v1',
    kind: 'Seckill',
    spec,
    metadata: { name, namespace: 'shop', uid: name, resourceVersion: '1', creationTimestamp: '' },
  };
}

const alone: Situation = {
  hasKeda: false,
  isHandedOver: () => false,
  held: new Set(),
  find: () => undefined,
};
const children = (spec: SeckillSpec, situation: Partial<Situation> = {}) =>
  desiredOf(seckill(spec), { ...alone, ...situation });
const kindsOf = (desired: readonly Desired[]) => desired.map(({ kind, name }) => `${kind.kind} ${name}`);
// biome-ignore lint/suspicious/noExplicitAny: any field of any child
const bodyOf = (desired: readonly Desired[], kind: string): any => {
  const found = desired.find((child) => child.kind.kind === kind);
  assert.ok(found, `no ${kind}`);
  return found.body;
};

describe('the children of a Seckill', () => {
  it('are those of the enabled services only', () => {
    const services = {
      goService: go,
      couponService: { ...go, enabled: false },
      userService: { image: 'x:1' },
    };
    assert.deepEqual(kindsOf(children({ services })), [
      'Deployment sale-go',
      'Service sale-go-svc',
      'PodDisruptionBudget sale-go-pdb',
    ]);
    assert.deepEqual(children({}), []);
  });

  it('listen on targetPort, not on port', () => {
    const desired = children({ services: { goService: go } });
    const [container] = bodyOf(desired, 'Deployment').spec.template.spec.containers;
    assert.deepEqual(container.ports, [{ name: 'http', containerPort: 8080, protocol: 'TCP' }]);
    assert.deepEqual(bodyOf(desired, 'Service').spec.ports, [
      { name: 'http', port: 80, targetPort: 8080, protocol: 'TCP' },
    ]);
  });

  it('select no pod of another Seckill, nor of another service', () => {
    const selectors = ['a', 'b'].flatMap((name) =>
      desiredOf(seckill({ services: { goService: go, userService: go } }, name), alone)
        .filter(({ kind }) => kind.kind === 'Service')
        .map(({ body }) => JSON.stringify((body as { spec: { selector: object } }).spec.selector)),
    );
    assert.equal(new Set(selectors).size, 4);
  });

  it('have one autoscaler each: KEDA for the go service, if both are on', () => {
    const spec: SeckillSpec = {
      services: { goService: go, userService: go },
      scaling: { hpa: { enabled: true }, keda: { enabled: true, kafkaScaler } },
    };
    const desired = children(spec, { hasKeda: true });
    assert.deepEqual(
      kindsOf(desired).filter((it) => /Autoscaler|Scaled/.test(it)),
      ['HorizontalPodAutoscaler sale-user-hpa', 'ScaledObject sale-go-kafka'],
    );
    assert.deepEqual(bodyOf(desired, 'ScaledObject').spec.triggers[0].metadata, {
      bootstrapServers: 'b:9092',
      consumerGroup: 'g',
      topic: 't',
      lagThreshold: '5',
    });
  });

  it('keep the replicas of the spec only where nobody else scales them', () => {
    const scaled: SeckillSpec = {
      services: { goService: go },
      scaling: { hpa: { enabled: true, maxReplicas: 1 } },
    };
    assert.equal(bodyOf(children({ services: { goService: go } }), 'Deployment').spec.replicas, 2);
    assert.equal(bodyOf(children(scaled), 'Deployment').spec.replicas, 1);
    const handedOver = children(scaled, { isHandedOver: () => true });
    assert.equal('replicas' in bodyOf(handedOver, 'Deployment').spec, false);
    assert.deepEqual(handedOver[0]?.annotations, { [replicasAnnotation]: 'hpa' });
    // KEDA is asked for and not there: nothing scales, so the spec does.
    const noKeda: SeckillSpec = {
      services: { goService: go },
      scaling: { keda: { enabled: true, kafkaScaler } },
    };
    assert.equal(bodyOf(children(noKeda, { isHandedOver: () => true }), 'Deployment').spec.replicas, 2);
  });

  it('have an autoscaler for the share of CPU that is asked for', () => {
    const desired = children({
      services: { goService: go },
      scaling: { hpa: { enabled: true, targetCPUUtilizationPercentage: 70 } },
    });
    const { metrics } = bodyOf(desired, 'HorizontalPodAutoscaler').spec;
    assert.equal(metrics[0].resource.target.averageUtilization, 70);
  });

  it('are made anew when what their environment names changes, and only then', () => {
    const env = [{ name: 'DB', valueFrom: { secretKeyRef: { name: 'db', key: 'password' } } }];
    const hash = (data: Record<string, string> | undefined) => {
      const find = ({ kind, name }: Reference) => {
        assert.deepEqual([kind, name], ['Secret', 'db']);
        return data && ({ data } as never);
      };
      const desired = children({ services: { goService: { ...go, env } } }, { find });
      return bodyOf(desired, 'Deployment').spec.template.metadata.annotations['spikegate.io/config'];
    };
    assert.equal(hash({ password: 'a', other: 'x' }), hash({ password: 'a', other: 'y' }));
    assert.notEqual(hash({ password: 'a' }), hash({ password: 'b' }));
    assert.notEqual(hash({ password: 'a' }), hash(undefined));
  });

  it('are watched: ServiceMonitors on the port http, and a dashboard with panels for the sale', () => {
    const monitoring = { enabled: true, prometheusEnabled: true, grafanaEnabled: true };
    const services = { goService: go };
    const desired = children({ services, monitoring });
    assert.deepEqual(bodyOf(desired, 'ServiceMonitor').spec.endpoints, [
      { port: 'http', path: '/metrics', interval: '30s' },
    ]);
    const board = JSON.parse(bodyOf(desired, 'ConfigMap').data['sale.json']);
    const expressions = board.panels.flatMap((panel: { targets: { expr: string }[] }) =>
      panel.targets.map(({ expr }) => expr),
    );
    for (const metric of [
      'spikegate_order_admissions_total',
      'controller_runtime_webhook_latency_seconds_bucket',
      'kube_deployment_status_replicas_ready',
    ]) {
      assert.ok(
        expressions.some((it: string) => it.includes(metric)),
        metric,
      );
    }
    assert.equal(new Set(board.panels.map(({ id }: { id: number }) => id)).size, board.panels.length);
    assert.deepEqual(
      kindsOf(children({ services, monitoring: { ...monitoring, enabled: false } })),
      kindsOf(children({ services })),
    );
  });
});
