// The chart as it lies in the repository, in pods, by Helm: installed, tried, sold with, rolled, changed, rolled back and
// removed. Under orders none of which may fail, where a person would do it in the middle of a sale.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { chart, figure, Lab, type Release, release, seconds } from '../harness.ts';
import { underOrders } from '../orders.ts';
import { playReadme } from '../readme.ts';

const inRelease = ['--namespace', release.namespace];
const rollout = ['rollout', 'status', `deployment/${release.name}`, ...inRelease, '--timeout=180s'];

describe('the chart, self-signed', () => {
  let lab: Lab;
  before(async () => {
    lab = await Lab.open();
  });
  after(async () => {
    await lab.uninstall();
    lab.close();
  });

  test('installs, and its pods become ready', async () => {
    figure('helm', 'install until both pods are ready', await lab.install(), 's');
    assert.equal((await lab.replicas()).length, 2);
  });

  // A Service beside a pod becomes variables in it, which a program may take for settings: SPIKEGATE_METRICS_PORT.
  test('gives its pods no variables of Services but those of Kubernetes', async () => {
    const print = 'console.log(Object.keys(process.env).join("\\n"))';
    for (const { metadata } of await lab.replicas()) {
      const names = await lab.kubectl(['exec', metadata.name, ...inRelease, '--', 'node', '-e', print]);
      const ofServices = names.split('\n').filter((name) => /_SERVICE_|_PORT_\d+_TCP/.test(name));
      const others = ofServices.filter((name) => !name.startsWith('KUBERNETES_'));
      assert.deepEqual(others, []);
      assert.ok(ofServices.length > 0, 'the kubelet always tells the address of the API server');
    }
  });

  test('passes helm test', async () => {
    const took = await seconds(() => lab.helm(['test', release.name, ...inRelease]));
    figure('helm', 'helm test', took, 's');
  });

  test("sells as the README's sale does", (t) => playReadme(lab, t));

  test('rolls its pods without a failed order', async (t) => {
    await underOrders(lab, t, 'a rolling restart', async () => {
      await lab.kubectl(['rollout', 'restart', `deployment/${release.name}`, ...inRelease]);
      await lab.kubectl(rollout);
    });
  });

  test('takes other values, and the former ones back, without a failed order', async (t) => {
    await underOrders(lab, t, 'helm upgrade', async () => {
      const values = ['--set', 'replicas=3', '--set-json', 'extraArgs=["--payment-window=10m"]'];
      await lab.helm(['upgrade', release.name, chart, ...inRelease, '--wait', '--timeout', '3m', ...values]);
      assert.equal((await ready(lab)).length, 3);
    });
    await underOrders(lab, t, 'helm rollback', async () => {
      await lab.helm(['rollback', release.name, '1', ...inRelease, '--wait', '--timeout', '3m']);
      assert.equal((await ready(lab)).length, 2);
    });
  });

  test('is removed, and installed again under another name and namespace, beside which no second one is let', async () => {
    await lab.helm(['uninstall', release.name, ...inRelease, '--wait']);
    const other: Release = { name: 'flash', namespace: 'flash-sale' };
    await lab.install(other);
    await lab.helm(['test', other.name, '--namespace', other.namespace]);
    await assert.rejects(lab.install(), /another Spikegate: release flash in namespace flash-sale/);
    assert.equal((await lab.replicas(other)).length, 2);
    await lab.uninstall(other);
  });
});

/** Its pods, without those that are ending. */
async function ready(lab: Lab) {
  const pods = await lab.replicas();
  return pods.filter(({ metadata, status }) => {
    const isReady = status?.conditions?.some((it) => it.type === 'Ready' && it.status === 'True');
    return isReady && !metadata.deletionTimestamp;
  });
}
