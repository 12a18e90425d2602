// Prometheus follows Spikegate by the ServiceMonitor of manifests/monitoring, and the alerts of its PrometheusRule fire and
// clear. The Prometheus is one that the operator starts.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { eventually } from '../../e2e/world.ts';
import { figure, Lab, release, root, seconds } from '../harness.ts';
import { type Installed, installPrometheusOperator, startPrometheus } from '../third-party.ts';

const monitoring = join(root, 'manifests', 'monitoring');
const inRelease = ['--namespace', release.namespace];

describe('monitoring', () => {
  let lab: Lab;
  let operator: Installed;
  before(async () => {
    lab = await Lab.open();
    await lab.install();
    operator = await installPrometheusOperator(lab);
    const files = ['service-monitor.yaml', 'prometheus-rule.yaml'].flatMap((file) => [
      '-f',
      join(monitoring, file),
    ]);
    await lab.kubectl(['apply', ...files]);
    await startPrometheus(lab, release.namespace);
  });
  after(async () => {
    await lab.uninstall();
    await operator.remove();
    lab.close();
  });

  const ask = async (path: string) => {
    const answer = await lab.askService(
      'GET',
      release.namespace,
      'prometheus-operated:web',
      `api/v1/${path}`,
    );
    return answer.data;
  };
  const firing = async (): Promise<string[]> => {
    const { alerts } = await ask('alerts');
    const now = alerts.filter(({ state }: { state: string }) => state === 'firing');
    return now.map(({ labels }: { labels: { alertname: string } }) => labels.alertname);
  };

  test('both replicas are targets, and one of them leads', async () => {
    const query = encodeURIComponent(
      `count(up{namespace="${release.namespace}", service=~".*metrics"} == 1)`,
    );
    await eventually(
      async () => assert.equal((await ask(`query?query=${query}`)).result[0]?.value[1], '2'),
      60_000,
    );
    const leaders = encodeURIComponent('sum(leader_election_master_status)');
    await eventually(
      async () => assert.equal((await ask(`query?query=${leaders}`)).result[0]?.value[1], '1'),
      60_000,
    );
    assert.deepEqual(await firing(), []);
  });

  test('SpikegateDown fires when no replica is left, and clears when they are back', async () => {
    const scale = (replicas: number) =>
      lab.kubectl(['scale', `deployment/${release.name}`, ...inRelease, `--replicas=${replicas}`]);
    await scale(0);
    const fired = await seconds(() =>
      eventually(async () => assert.ok((await firing()).includes('SpikegateDown')), 240_000),
    );
    figure('monitoring', 'no replica until SpikegateDown fires (for: 2m)', fired, 's');
    await scale(2);
    const cleared = await seconds(() =>
      eventually(async () => assert.deepEqual(await firing(), []), 120_000),
    );
    figure('monitoring', 'replicas wanted until no alert fires', cleared, 's');
  });
});
