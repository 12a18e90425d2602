// cert-manager for real: its three programs and its chart, from the Go module that modules/cert-manager pins. Images and
// the chart's last step, the CRDs, are put together here, as its release does it.

import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './commands.ts';
import type { Lab } from './harness.ts';
import { imageFrom } from './images.ts';
import { programPath } from './programs.ts';

const module = 'github.com/cert-manager/cert-manager';
const namespace = 'cert-manager';
const imageOf = (part: string) => `docker.io/spikegate/cert-manager-${part}`;

/** Installs it, unless it is installed, and waits until its webhook answers. */
export async function ensureCertManager(lab: Lab): Promise<void> {
  const releases = await lab.helm(['list', '--namespace', namespace, '--short']);
  if (releases.includes('cert-manager')) return;
  const work = mkdtempSync(join(lab.cluster.dir, 'cert-manager-'));
  try {
    for (const part of ['controller', 'cainjector', 'webhook']) {
      const from = programPath(`cert-manager-${part}`);
      const files = { [`/${part}`]: { from } };
      const entrypoint = [`/${part}`];
      const image = { name: `${imageOf(part)}:1`, files, entrypoint, user: '65532:65532' };
      await lab.cluster.load(await imageFrom(work, image));
    }
    const chart = await chartOf(work);
    const image = (prefix: string, part: string) => [
      ...['--set', `${prefix}image.repository=${imageOf(part)}`],
      ...['--set', `${prefix}image.tag=1`],
    ];
    const images = [
      ...image('', 'controller'),
      ...image('cainjector.', 'cainjector'),
      ...image('webhook.', 'webhook'),
    ];
    const where = ['--namespace', namespace, '--create-namespace', '--wait', '--timeout', '3m'];
    const values = [...images, '--set', 'startupapicheck.enabled=false'];
    await lab.helm(['install', 'cert-manager', chart, ...where, ...values]);
  } finally {
    rmSync(work, { recursive: true });
  }
}

async function chartOf(work: string): Promise<string> {
  const modules = join(import.meta.dirname, 'modules', 'cert-manager');
  const env = { ...process.env, GOFLAGS: '-mod=readonly', GOWORK: 'off', GOTOOLCHAIN: 'auto' };
  const source = (await run('go', ['-C', modules, 'list', '-m', '-f', '{{.Dir}}', module], env)).trim();
  const chart = join(work, 'chart');
  cpSync(join(source, 'deploy', 'charts', 'cert-manager'), chart, { recursive: true, mode: 0 });
  // Go's module cache is read-only.
  await run('chmod', ['-R', 'u+w', chart]);
  const crds = join(source, 'deploy', 'crds');
  for (const file of readdirSync(crds).filter((name) => name.endsWith('.yaml'))) {
    writeFileSync(join(chart, 'templates', file), readFileSync(join(crds, file)));
  }
  writeFileSync(join(chart, 'Chart.yaml'), readFileSync(join(chart, 'Chart.template.yaml')));
  return chart;
}

/** Renews a certificate at once, as `cmctl renew` does: by a condition of its status. */
export async function renew(
  lab: Lab,
  { namespace, name }: { namespace: string; name: string },
): Promise<void> {
  const path = `/apis/cert-manager.io/v1/namespaces/${namespace}/certificates/${name}`;
  const { body } = await lab.client.request('GET', path);
  const { status, ...certificate } = body as { status: { conditions: { type: string }[] } };
  const issuing = {
    type: 'Issuing',
    status: 'True',
    reason: 'ManuallyTriggered',
    message: 'a test renews it',
    lastTransitionTime: new Date().toISOString(),
  };
  const conditions = [...status.conditions.filter(({ type }) => type !== 'Issuing'), issuing];
  await lab.client.request('PUT', `${path}/status`, {
    body: { ...certificate, status: { ...status, conditions } },
  });
}
