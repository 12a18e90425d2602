// What happens to clusters, under orders. After each the books are exact, and the figures say how long orders and their
// statuses stood still.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { clockOffBy } from '../../e2e/replica.ts';
import { eventually } from '../../e2e/world.ts';
import { nodeName } from '../configuration.ts';
import { figure, Lab, release, seconds } from '../harness.ts';
import { pause, underOrders, whileOrdering } from '../orders.ts';

const inRelease = ['--namespace', release.namespace];
const deployment = `deployment/${release.name}`;

describe('disasters', () => {
  let lab: Lab;
  before(async () => {
    lab = await Lab.open();
    await lab.install();
  });
  after(async () => {
    await lab.uninstall();
    lab.close();
  });

  const recovered = async (what: string) => {
    const took = await seconds(() =>
      eventually(async () => {
        const pods = await lab.replicas();
        const isReady = (pod: (typeof pods)[number]) =>
          pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True');
        assert.equal(pods.filter(isReady).length, 2);
        assert.equal(pods.length, 2);
        await lab.leader();
      }, 180_000),
    );
    figure(what, 'until two pods are ready and one leads', took, 's');
  };

  test('the leader is deleted by force', async (t) => {
    await whileOrdering(lab, t, 'leader deleted by force', async () => {
      const leader = await lab.leader();
      await lab.kubectl(
        ['delete', 'pod', leader, ...inRelease, '--force', '--grace-period=0'],
        '',
        /Immediate/,
      );
      await recovered('leader deleted by force');
    });
  });

  test('the leader stands still for 30 s, and goes on', async (t) => {
    await whileOrdering(lab, t, 'leader stopped by SIGSTOP for 30 s', async () => {
      const leader = await lab.leader();
      const pids = await processesOf(lab, leader);
      for (const pid of pids) process.kill(pid, 'SIGSTOP');
      try {
        await pause(30_000);
      } finally {
        for (const pid of pids) process.kill(pid, 'SIGCONT');
      }
      await recovered('leader stopped by SIGSTOP for 30 s');
    });
  });

  test('the leader gets too little memory and is killed for it', async (t) => {
    await underOrders(lab, t, 'new pods killed for their memory', async () => {
      const limits = ['--limits=memory=48Mi', '--requests=memory=32Mi'];
      await lab.kubectl(['set', 'resources', deployment, ...inRelease, ...limits]);
      await eventually(async () => {
        const states = JSON.stringify((await lab.replicas()).map(({ status }) => status));
        assert.match(states, /OOMKilled/);
      }, 90_000);
      await lab.kubectl(['rollout', 'undo', deployment, ...inRelease]);
      await recovered('new pods killed for their memory');
    });
  });

  for (const name of ['kube-apiserver', 'etcd']) {
    test(`${name} is killed and started again`, async (t) => {
      await whileOrdering(lab, t, `${name} killed and started again`, async () => {
        await lab.cluster.stopProgram(name);
        await pause(3_000);
        await lab.cluster.startProgram(name);
        await recovered(`${name} killed and started again`);
        await pause(5_000);
      });
    });
  }

  test('the clock of one replica is more than two minutes behind', async (t) => {
    const what = 'clock of a replica 130 s behind';
    await underOrders(lab, t, what, async () => {
      const behind = `${release.name}-behind`;
      const { metadata, spec } = JSON.parse(
        await lab.kubectl(['get', deployment, ...inRelease, '-o', 'json']),
      );
      const labels = { ...spec.selector.matchLabels, clock: 'behind' };
      spec.replicas = 1;
      spec.selector.matchLabels = labels;
      spec.template.metadata.labels = { ...spec.template.metadata.labels, ...labels };
      spec.template.spec.containers[0].env.push({
        name: 'NODE_OPTIONS',
        value: clockOffBy(-130_000).NODE_OPTIONS,
      });
      const { namespace } = metadata;
      const copy = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { namespace, name: behind }, spec };
      await lab.kubectl(['scale', deployment, ...inRelease, '--replicas=1']);
      await lab.kubectl(['create', '-f', '-'], JSON.stringify(copy));
      await recovered(what);
      // The other pod goes too, so that the replica with the wrong clock leads.
      await lab.kubectl(['scale', deployment, ...inRelease, '--replicas=0']);
      await eventually(async () => assert.match(await lab.leader(), /-behind-/), 90_000);
      await lab.kubectl(['scale', deployment, ...inRelease, '--replicas=2']);
      await lab.kubectl(['rollout', 'status', deployment, ...inRelease, '--timeout=120s']);
      await lab.kubectl(['delete', 'deployment', behind, ...inRelease]);
      await recovered(what);
    });
  });

  test("the node's kubelet stops for a minute", async (t) => {
    await whileOrdering(lab, t, 'kubelet stopped for a minute', async () => {
      await lab.cluster.stopProgram('kubelet');
      await pause(60_000);
      await lab.cluster.startProgram('kubelet');
      await recovered('kubelet stopped for a minute');
    });
  });

  test('a drain leaves one pod, which goes on selling, until there is room for another', async (t) => {
    await underOrders(lab, t, 'kubectl drain', async () => {
      const selector = ['--pod-selector', `app.kubernetes.io/instance=${release.name}`];
      const drain = ['drain', nodeName, ...selector, '--delete-emptydir-data', '--ignore-daemonsets'];
      // There is no other node, so the disruption budget never lets the second pod go.
      await assert.rejects(lab.kubectl([...drain, '--timeout=25s']), /disruption budget|timed out|timeout/i);
      const pods = await lab.replicas();
      assert.equal(pods.filter(({ status }) => status?.phase === 'Running').length, 1);
      await lab.kubectl(['uncordon', nodeName]);
      await recovered('kubectl drain');
    });
  });

  test("the webhooks' service has no endpoints for 20 s", async (t) => {
    const service = `${release.name}-webhook`;
    const select = (value: string | null) => {
      const patch = JSON.stringify({ spec: { selector: { 'spikegate.io/nobody': value } } });
      return lab.kubectl(['patch', 'service', service, ...inRelease, '--type=merge', '-p', patch]);
    };
    // Connections that the API server has open lead to the pods still: kube-proxy looks at new ones only.
    await whileOrdering(lab, t, 'service without endpoints for 20 s', async () => {
      await select('here');
      await pause(20_000);
      await select(null);
      await pause(5_000);
    });
  });

  test('no replica runs for 20 s', async (t) => {
    const scale = (replicas: number) =>
      lab.kubectl(['scale', deployment, ...inRelease, `--replicas=${replicas}`]);
    const { failed } = await whileOrdering(lab, t, 'no replica for 20 s', async () => {
      await scale(0);
      await eventually(async () => assert.equal((await lab.replicas()).length, 0), 90_000);
      await pause(20_000);
      await scale(2);
      await recovered('no replica for 20 s');
    });
    assert.ok(failed.length > 0, 'orders that nobody can check are refused');
  });
});

/** Of a pod's containers, without the one that holds its namespaces. */
async function processesOf(lab: Lab, pod: string): Promise<number[]> {
  const found = (await lab.replicas()).find(({ metadata }) => metadata.name === pod);
  const uid = found?.metadata.uid ?? 'none';
  const pids = lab.cluster.processes().filter((pid) => {
    const groups = readFileSync(`/proc/${pid}/cgroup`, 'utf8');
    return groups.includes(uid) && readFileSync(`/proc/${pid}/comm`, 'utf8').trim() !== 'pause';
  });
  assert.notEqual(pids.length, 0, `${pod} has no process`);
  return pids;
}
