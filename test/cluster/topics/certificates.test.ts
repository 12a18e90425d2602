// The other certificate mode, with cert-manager itself: it issues, puts its CA into the webhook configurations and renews,
// and an order never fails for it.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { connect } from 'node:tls';
import { eventually } from '../../e2e/world.ts';
import { ensureCertManager, renew } from '../cert-manager.ts';
import { figure, Lab, release, seconds } from '../harness.ts';
import { underOrders } from '../orders.ts';
import { playReadme } from '../readme.ts';

/** The kubelet looks after mounted Secrets once a minute, and the server after its files. */
const seenWithinMs = 180_000;

describe('the chart, with cert-manager', () => {
  let lab: Lab;
  before(async () => {
    lab = await Lab.open();
    figure('cert-manager', 'install until it is ready', await seconds(() => ensureCertManager(lab)), 's');
  });
  after(async () => {
    await lab.uninstall();
    lab.close();
  });

  test('installs, and its pods become ready', async () => {
    const took = await lab.install(release, ['--set', 'certificates.mode=cert-manager']);
    figure('cert-manager', 'chart: install until both pods are ready', took, 's');
  });

  test('passes helm test', async () => {
    await lab.helm(['test', release.name, '--namespace', release.namespace]);
  });

  test("sells as the README's sale does", (t) => playReadme(lab, t));

  test('no order fails while the serving certificate is renewed', async (t) => {
    await underOrders(lab, t, 'cert-manager renews the serving certificate', async () => {
      const took = await seconds(() => renewServing());
      figure('cert-manager', 'renewal of the serving certificate until both pods serve it', took, 's');
    });
  });

  // Its key stays, so what it signed before is trusted as long as both are in use.
  test('no order fails while the CA is renewed', async (t) => {
    await underOrders(lab, t, 'cert-manager renews the CA', async () => {
      const [before, bundle] = [await caCertificate(lab), await caBundle(lab)];
      await renew(lab, { namespace: release.namespace, name: 'spikegate-ca' });
      await eventually(async () => assert.notEqual(await caCertificate(lab), before));
      const took = await seconds(() => renewServing());
      await eventually(
        async () =>
          assert.notEqual(await caBundle(lab), bundle, 'the webhook configurations have the new CA'),
        seenWithinMs,
      );
      figure('cert-manager', 'renewal of the CA until both pods serve what it signed', took, 's');
    });
  });

  async function renewServing(): Promise<void> {
    const before = await serials(lab);
    await renew(lab, { namespace: release.namespace, name: 'spikegate-serving' });
    await eventually(async () => {
      for (const [pod, serial] of await serials(lab)) {
        assert.notEqual(serial, before.get(pod), `${pod} serves the old one`);
      }
    }, seenWithinMs);
  }
});

/** Of the certificate that each pod serves, by the pod's name. */
async function serials(lab: Lab): Promise<Map<string, string>> {
  const pods = await lab.replicas();
  return new Map(
    await Promise.all(
      pods.map(async ({ metadata, status }) => [metadata.name, await serialAt(status?.podIP ?? '')] as const),
    ),
  );
}

function serialAt(host: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port: 9443, rejectUnauthorized: false, timeout: 5_000 }, () => {
      resolve(socket.getPeerCertificate().serialNumber);
      socket.destroy();
    });
    socket.on('timeout', () => socket.destroy(new Error('no answer')));
    socket.on('error', reject);
  });
}

async function caBundle(lab: Lab): Promise<string> {
  const path = '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/spikegate';
  const { body } = await lab.client.request('GET', path);
  return (body as { webhooks: { clientConfig: { caBundle: string } }[] }).webhooks[0]!.clientConfig.caBundle;
}

async function caCertificate(lab: Lab): Promise<string> {
  const path = `/api/v1/namespaces/${release.namespace}/secrets/spikegate-ca`;
  const { body } = await lab.client.request('GET', path);
  return (body as { data: Record<string, string> }).data['tls.crt']!;
}
