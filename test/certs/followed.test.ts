// Certificates on an API server, with the permissions that Spikegate is installed with and no others: while nothing
// changes there are its watches and no other request; what somebody changes is right again at once.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { servingNames } from '../../certs/authority.ts';
import { kubeSecretStore, WebhookConfigurations } from '../../certs/kube-secret.ts';
import { SecretSource } from '../../certs/secret-source.ts';
import type { Client } from '../../src/kube/client.ts';
import { loadConfig } from '../../src/kube/config.ts';
import { createClient } from '../../src/kube/json-client.ts';
import type { KubeObject, Resource } from '../../src/kube/objects.ts';
import type { RequestInfo } from '../../src/kube/transport.ts';
import { deployment } from '../../src/manifests/generated.ts';
import { install } from '../../src/manifests/install.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { openTarget, type Target } from '../e2e/targets.ts';
import { eventually } from '../e2e/world.ts';

const of = <T extends KubeObject>(
  group: string,
  kind: string,
  plural: string,
  namespaced: boolean,
): Resource<T> => ({
  group,
  version: 'v1',
  kind,
  plural,
  namespaced,
});
type Secret = KubeObject & { data?: Record<string, string> };
type Configuration = KubeObject & { webhooks: { clientConfig: { caBundle?: string } }[] };
const secrets = of<Secret>('', 'Secret', 'secrets', true);
const configurations = of<Configuration>(
  'admissionregistration.k8s.io',
  'ValidatingWebhookConfiguration',
  'validatingwebhookconfigurations',
  false,
);
const { namespace, serviceAccount, certSecret } = deployment;
const key = { namespace, name: certSecret };
const withoutBundle = <T extends { clientConfig: object }>(webhook: T): T => {
  const { caBundle: _, ...clientConfig } = webhook.clientConfig as { caBundle?: string };
  return { ...webhook, clientConfig };
};

/** Looks at what is known; so many of them pass unnoticed by the server. */
const checkEvery = 50;

for (const name of ['sandbox', 'control-plane'] as const) {
  const target = await openTarget(name);
  describe(`certificates on ${name}`, { skip: 'skip' in target && target.skip, timeout: 120_000 }, () => {
    let admin: Client;
    let own: Client;
    let source: SecretSource;
    const requests: RequestInfo[] = [];
    const failures: string[] = [];
    const stop = new AbortController();

    before(async () => {
      const { kubeconfig } = target as Target;
      const config = loadConfig(kubeconfig ? { file: kubeconfig } : {});
      admin = createClient(config);
      const options = { clock: systemClock, log: () => {}, rbac: deployment };
      await install(admin, { ...options, target: { url: 'https://127.0.0.1:1' } });
      const asItself = {
        ...config,
        async credentials(renew?: boolean) {
          const { headers, ...others } = await config.credentials(renew);
          const user = `system:serviceaccount:${namespace}:${serviceAccount}`;
          return { ...others, headers: { ...headers, 'impersonate-user': user } };
        },
      };
      own = createClient(asItself, { onRequest: (info) => requests.push(info) });
      const log = (fields: object, message: string) =>
        void failures.push(`${message} ${JSON.stringify(fields)}`);
      const cluster = {
        client: own,
        clock: systemClock,
        logger: { info: () => {}, warn: log, error: log },
      };
      source = new SecretSource({
        store: kubeSecretStore(cluster, namespace, certSecret),
        publisher: new WebhookConfigurations(cluster, deployment.configuration, {
          namespace,
          name: deployment.service,
        }).bundlePublisher(),
        names: servingNames(deployment.service, namespace),
        clock: systemClock,
        logger: cluster.logger,
        checkEvery,
      });
      await source.start(stop.signal);
    });
    after(async () => {
      stop.abort();
      own?.close();
      admin?.close();
      if (!('skip' in target)) await target.stop();
    });

    const looks = (count: number) => new Promise((resolve) => setTimeout(resolve, count * checkEvery));
    const isPublished = async () => {
      const { webhooks } = await admin.get(configurations, { name: deployment.configuration });
      const bundle = Buffer.from(source.caBundle() ?? '').toString('base64');
      for (const { clientConfig } of webhooks) assert.equal(clientConfig.caBundle, bundle);
    };
    const isQuiet = () =>
      eventually(async () => {
        const from = requests.length;
        await looks(20);
        assert.deepEqual(
          requests.slice(from).map(({ verb, resource, code }) => `${verb} ${resource} ${code}`),
          [],
        );
      });

    it('are followed, not read, while nothing changes', async () => {
      await isPublished();
      await isQuiet();
      const watched = requests.filter(({ verb, code }) => verb === 'watch' && code === '200');
      assert.deepEqual([...new Set(watched.map(({ resource }) => resource))].sort(), [
        'mutatingwebhookconfigurations',
        'secrets',
        'validatingwebhookconfigurations',
      ]);
      assert.deepEqual(failures, []);
    });

    it('have their bundle back at once when somebody writes over it', async () => {
      const found = await admin.get(configurations, { name: deployment.configuration });
      const broken = { ...found, webhooks: found.webhooks.map(withoutBundle) };
      await admin.replace(configurations, broken);
      await eventually(isPublished, 5000);
      await isQuiet();
    });

    it('are put into a configuration that comes later', async () => {
      const { metadata, ...found } = await admin.get(configurations, { name: deployment.configuration });
      await admin.delete(configurations, { name: deployment.configuration });
      const draft = {
        ...found,
        metadata: { name: metadata.name },
        webhooks: found.webhooks.map(withoutBundle),
      };
      await admin.create(configurations, draft);
      await eventually(isPublished, 5000);
      await isQuiet();
    });

    it('keep what is served, and its trust, when their Secret is deleted', async () => {
      const serial = source.current()?.serial;
      await admin.delete(secrets, key);
      const stored = await eventually(() => admin.get(secrets, key), 5000);
      assert.ok(stored.data?.['tls.crt']);
      assert.equal(source.current()?.serial, serial);
      await eventually(isPublished, 5000);
      await isQuiet();
    });
  });
}
