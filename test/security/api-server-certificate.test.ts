// A real API server that shows its certificate to webhooks (AdmissionConfiguration with a kubeconfig): a server with
// --client-ca-file admits for it, and for nobody else.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { stringify } from 'yaml';
import { Buyer } from '../../src/api/buyer.ts';
import { explainNotFound, findBinaries, startControlPlane } from '../control-plane/index.ts';
import { issue, type KeyPair } from '../control-plane/pki.ts';
import { eventually, World } from '../e2e/world.ts';

const found = await findBinaries();
const skip = 'missing' in found ? explainNotFound(found) : false;

test('only the API server may call the webhooks', { skip, timeout: 180_000 }, async () => {
  const directory = await mkdtemp(join(tmpdir(), 'api-server-certificate-'));
  const ca = await issue({ commonName: 'webhook-clients', usage: 'ca' });
  const client = await issue({ commonName: 'kube-apiserver', usage: 'client' }, ca);
  const file = join(directory, 'ca.crt');
  await writeFile(file, ca.cert);
  const config = await admissionConfiguration(directory, client);
  const plane = await startControlPlane({
    controllerManager: false,
    extraArgs: { apiserver: [`--admission-control-config-file=${config}`] },
  });
  const target = { name: 'control-plane' as const, kubeconfig: plane.kubeconfig, stop: () => plane.stop() };
  const world = await World.open(target);
  try {
    const namespace = await world.namespace();
    const create = (name: string) =>
      world.client.create(Buyer, {
        apiVersion: Buyer.apiVersion,
        kind: 'Buyer',
        metadata: { name, namespace },
        spec: {},
      });

    await world.serve(1, { 'client-ca-file': file, 'client-names': 'kube-apiserver' });
    await eventually(() => create('buyer1'));
    assert.ok((await world.buyer(namespace, 'buyer1')).spec.buyerId, 'our webhook has filled it in');
    const url = await webhookUrl(world);
    assert.equal(await codeWithout(url), 401);

    await world.serve(1, { 'client-ca-file': file, 'client-names': 'somebody-else' });
    await eventually(() =>
      assert.rejects(create('buyer2'), /the client certificate must be of somebody-else, got kube-apiserver/),
    );
  } finally {
    await world.close();
    await rm(directory, { recursive: true });
  }
});

/** Kubernetes' docs, "Authenticate API servers": one kubeconfig for both webhook plugins; `*` is any other server. */
async function admissionConfiguration(directory: string, client: KeyPair): Promise<string> {
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  const user = { 'client-certificate-data': base64(client.cert), 'client-key-data': base64(client.key) };
  const kubeConfigFile = join(directory, 'kubeconfig');
  await writeFile(
    kubeConfigFile,
    stringify({
      apiVersion: 'v1',
      kind: 'Config',
      users: [
        { name: '*.0.0.1', user },
        { name: '*', user },
      ],
    }),
    { mode: 0o600 },
  );
  const configuration = {
    apiVersion: 'apiserver.config.k8s.io/v1',
    kind: 'WebhookAdmissionConfiguration',
    kubeConfigFile,
  };
  const plugins = ['MutatingAdmissionWebhook', 'ValidatingAdmissionWebhook'].map((name) => ({
    name,
    configuration,
  }));
  const file = join(directory, 'admission.yaml');
  await writeFile(
    file,
    stringify({ apiVersion: 'apiserver.config.k8s.io/v1', kind: 'AdmissionConfiguration', plugins }),
  );
  return file;
}

/** Where the API server finds the webhook, with the secret of its path. */
async function webhookUrl(world: World): Promise<URL> {
  const path = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/spikegate';
  const { body } = await world.client.request('GET', path);
  const [first] = (body as { webhooks: { clientConfig: { url: string } }[] }).webhooks;
  return new URL(first!.clientConfig.url);
}

/** Of a call without a client certificate. */
async function codeWithout(url: URL): Promise<number | undefined> {
  const call = request(url, { method: 'POST', agent: false, rejectUnauthorized: false });
  call.end('{}');
  const [response] = await once(call, 'response');
  response.resume();
  return response.statusCode;
}
