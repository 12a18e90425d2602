// The Secret and the webhook configurations behind secret-source.ts, on a real client. Decisions use live reads.
// The watches of these three objects only say that something may have changed.
import type { Client } from '../src/kube/client.ts';
import { isAlreadyExists, isConflict, isNotFound } from '../src/kube/errors.ts';
import { NamedObject } from '../src/kube/named-object.ts';
import type { KubeObject, Resource } from '../src/kube/objects.ts';
import type { Clock } from '../src/runtime/clock.ts';
import { type BundlePublisher, ConflictError, type SecretStore } from './secret-source.ts';
import type { SecretData } from './secret-state.ts';
import type { CertLogger } from './source.ts';

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

export interface CertCluster {
  client: Client;
  clock: Clock;
  logger: CertLogger;
}

function follow<T extends KubeObject>(
  { client, clock, logger }: CertCluster,
  resource: Resource<T>,
  name: string,
  namespace?: string,
): NamedObject<T> {
  return new NamedObject<T>({
    client,
    clock,
    resource,
    name,
    ...(namespace === undefined ? {} : { namespace }),
    onHandlerError: (error) => logger.error({ err: error }, 'a listener of certificate changes failed'),
    onError: (error, { failures }) => {
      // Log the first failure only. The watch is retried for ever; until it works, every check reads.
      if (failures > 1) return;
      const fields = { err: (error as Error).message, kind: resource.kind, name };
      logger.warn(fields, 'an object of the certificates cannot be followed; it is read instead');
    },
  });
}

/** The state that all replicas share, in the Secret `namespace`/`name`. */
export function kubeSecretStore(cluster: CertCluster, namespace: string, name: string): SecretStore {
  const { client } = cluster;
  const followed = follow(cluster, secrets, name, namespace);
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
    watch(listener, signal) {
      followed.onChange(listener);
      void followed.start(signal);
    },
    isAt: (version) => (followed.isFresh ? followed.get()?.metadata.resourceVersion === version : undefined),
  };
}

/**
 * Puts the bundle into every webhook of both configurations called `name`. Skips a configuration that does not
 * exist, and one whose webhooks call another Service: two installations would write their CAs over each other's.
 */
export function kubeBundlePublisher(cluster: CertCluster, name: string, service: Service): BundlePublisher {
  const followed = configurations.map((resource) => follow(cluster, resource, name));
  return {
    async publish(latest) {
      let wrote = false;
      for (const resource of configurations)
        wrote = (await publishTo(cluster, resource, name, service, latest)) || wrote;
      return wrote;
    },
    watch(listener, signal) {
      for (const it of followed) {
        it.onChange(listener);
        void it.start(signal);
      }
    },
    shows(bundle) {
      if (!followed.every(({ isFresh }) => isFresh)) return undefined;
      const caBundle = inBase64(bundle);
      return followed.every((it) => isElsewhere(it.get(), service) || trusts(it.get(), caBundle));
    },
  };
}

const inBase64 = (bundle: string): string => Buffer.from(bundle).toString('base64');

/** A configuration that does not exist trusts no wrong CA. */
const trusts = (configuration: WebhookConfiguration | undefined, caBundle: string): boolean =>
  configuration?.webhooks?.every((webhook) => webhook.clientConfig.caBundle === caBundle) ?? true;

interface Service {
  namespace: string;
  name: string;
}

function isElsewhere(configuration: WebhookConfiguration | undefined, { namespace, name }: Service): boolean {
  const called = configuration?.webhooks?.map(
    ({ clientConfig }) => clientConfig.service as Service | undefined,
  );
  return called?.some((it) => it && (it.namespace !== namespace || it.name !== name)) ?? false;
}

async function publishTo(
  { client, logger }: CertCluster,
  resource: Resource<WebhookConfiguration>,
  name: string,
  service: Service,
  latest: () => Promise<string>,
): Promise<boolean> {
  for (;;) {
    try {
      const found = await client.get(resource, { name }, { timeoutMs: callMs });
      if (isElsewhere(found, service)) {
        const fields = { kind: resource.kind, name };
        logger.warn(fields, 'the webhooks call another Service: another installation has this configuration');
        return false;
      }
      const caBundle = inBase64(await latest());
      if (trusts(found, caBundle)) return false;
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
