// A cluster has one Spikegate. A second `serve`, and what the chart runs before an installation, find the first and
// refuse with exit code 2 before they write anything.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { leaseResource } from '../../../src/kube/lease-record.ts';
import type { Resource } from '../../../src/kube/objects.ts';
import type { World } from '../world.ts';
import type { Scenario } from './scenario.ts';

const main = join(import.meta.dirname, '..', '..', '..', 'src', 'cli', 'main.ts');
const secrets = { group: '', version: 'v1', kind: 'Secret', plural: 'secrets', namespaced: true } as Resource;

export const secondInstallation: Scenario[] = [
  { name: 'a second installation refuses, and writes nothing', run: refuses },
];

async function refuses(world: World): Promise<void> {
  await world.serve(1);
  const namespace = await world.namespace();
  const names = ['--configuration', 'second', '--service', 'second-webhook', '--namespace', namespace];
  const run = async (...args: string[]) => {
    const kubeconfig = world.target.kubeconfig ? ['--kubeconfig', world.target.kubeconfig] : [];
    const ran = promisify(execFile)(process.execPath, [main, ...args, ...names, ...kubeconfig]);
    return ran.then(
      ({ stdout }) => ({ code: 0, said: stdout }),
      ({ code, stdout, stderr }) => ({ code, said: `${stdout}${stderr}` }),
    );
  };
  const ports = ['--port', '0', '--metrics-port', '0', '--host', '127.0.0.1', '--metrics-host', '127.0.0.1'];
  for (const args of [
    ['serve', ...ports],
    ['prepare', '--crds'],
  ]) {
    const { code, said } = await run(...args);
    assert.equal(code, 2, said);
    assert.match(
      said,
      /this cluster has another Spikegate: .*webhook configuration spikegate\).*--take-over/,
    );
  }
  for (const kind of [secrets, leaseResource as Resource]) {
    assert.deepEqual((await world.client.list(kind, { namespace })).items, [], kind.kind);
  }
  const { code, said } = await run('prepare', '--crds', '--take-over');
  assert.equal(code, 0, said);
  assert.match(said, /customresourcedefinition\/spikeorders\.myapp\.spike\.com applied/);
}
