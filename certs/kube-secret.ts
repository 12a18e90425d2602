// The Secret and the webhook configurations behind secret-source.ts, on a real client.
import type { Client } from '../src/kube/client.ts';
import { isAlreadyExists, isConflict, isNotFound } from '../src/kube/errors.ts';
import type { KubeObject, Resource } from '../src/kube/objects.ts';
import { type BundlePublisher, ConflictError, type SecretStore } from './secret-source.ts';
import type { SecretData } from './secret-state.ts';

interface Secret extends KubeObject {
  type?: string;
  data?: Record<string, string>;
}

const secrets: Resource<Secret> = {
  group: '',
  version: 'v1',
  kind: 'Secret',
  plural: 'secrets',
  namespaced: true,
};

interface WebhookConfiguration extends KubeObject {
  webhooks?: { name: string; clientConfig: { caBundle?: string; [field: string]: unknown } }[];
}

const configuration = (kind: string): Resource<WebhookConfiguration> => ({
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  kind,
  plural: `${kind.toLowerCase()}s`,
  namespaced: false,
});
const configurations = ['MutatingWebhookConfiguration', 'ValidatingWebhookConfiguration'].map(configuration);

const callMs = 10_000;

/** State shared by all replicas in the Secret `namespace`/`name`. */
export function kubeSecretStore(client: Client, namespace: string, name: string): SecretStore {
  const body = (data: SecretData) => ({
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'Opaque',
    data: Object.fromEntries(
      Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString('base64')]),
    ),
  });
  const asConflict = (error: unknown): never => {
    if (isConflict(error) || isAlreadyExists(error) || isNotFound(error)) {
      throw new ConflictError((error as Error).message);
    }
    throw error;
  };
  return {
    async read() {
      try {
        const secret = await client.get(secrets, { namespace, name }, { timeoutMs: callMs });
        const data = Object.entries(secret.data ?? {}).map(([key, value]) => [
          key,
          Buffer.from(value, 'base64').toString('utf8'),
        ]);
        return { data: Object.fromEntries(data), version: secret.metadata.resourceVersion };
      } catch (error) {
        if (isNotFound(error)) return undefined;
        throw error;
      }
    },
    async create(data) {
      const draft = { ...body(data), metadata: { name, namespace } };
      const secret = await client.create(secrets, draft, { timeoutMs: callMs }).catch(asConflict);
      return secret.metadata.resourceVersion;
    },
    async update(data, version) {
      const metadata = { name, namespace, resourceVersion: version } as Secret['metadata'];
      const secret = await client
        .replace(secrets, { ...body(data), metadata }, { timeoutMs: callMs })
        .catch(asConflict);
      return secret.metadata.resourceVersion;
    },
  };
}

/** Puts the bundle into every webhook of both configurations called `name`; one that is missing is left missing. */
export function kubeBundlePublisher(client: Client, name: string): BundlePublisher {
  return {
    async publish(latest) {
      let wrote = false;
      for (const resource of configurations)
        wrote = (await publishTo(client, resource, name, latest)) || wrote;
      return wrote;
    },
  };
}

async function publishTo(
  client: Client,
  resource: Resource<WebhookConfiguration>,
  name: string,
  latest: () => Promise<string>,
): Promise<boolean> {
  for (;;) {
    try {
      const found = await client.get(resource, { name }, { timeoutMs: callMs });
      const caBundle = Buffer.from(await latest()).toString('base64');
      if (found.webhooks?.every((webhook) => webhook.clientConfig.caBundle === caBundle)) return false;
      const webhooks = (found.webhooks ?? []).map((webhook) => ({
        ...webhook,
        clientConfig: { ...webhook.clientConfig, caBundle },
      }));
      await client.replace(resource, { ...found, webhooks }, { timeoutMs: callMs });
      return true;
    } catch (error) {
      if (isNotFound(error)) return false;
      if (!isConflict(error)) throw error;
    }
  }
}
