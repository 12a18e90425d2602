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
      const values = ['--set', 'replicas=3', '--set-json', 'extraArgs=["--log-level=debug"]'];
      await lab.helm(['upgrade', release.name, chart, ...inRelease, '--wait', '--timeout', '3m', ...values]);
      assert.equal((await ready(lab)).length, 3);
    });
    await underOrders(lab, t, 'helm rollback', async () => {
      await lab.helm(['rollback', release.name, '1', ...inRelease, '--wait', '--timeout', '3m']);
      assert.equal((await ready(lab)).length, 2);
    });
  });

  test('is removed, and installed again under another name and namespace', async () => {
    await lab.helm(['uninstall', release.name, ...inRelease, '--wait']);
    const other: Release = { name: 'flash', namespace: 'flash-sale' };
    // Helm keeps the CRDs, with everybody's orders, as another release's.
    await lab.install(other, ['--take-ownership']);
    await lab.helm(['test', other.name, '--namespace', other.namespace]);
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
