// The Secret and the webhook configurations behind secret-source.ts, on a real client. Decisions use live reads.
// The watches of these three objects only say that something may have changed.
import type { Client } from '../src/kube/client.ts';
import { isAlreadyExists, isConflict, isNotFound } from '../src/kube/errors.ts';
import { NamedObject } from '../src/kube/named-object.ts';
import type { KubeObject, Resource } from '../src/kube/objects.ts';
import { same } from '../src/kube/same.ts';
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

interface ClientConfig {
  caBundle?: string;
  url?: string;
  service?: Service & { path?: string };
  [field: string]: unknown;
}

interface Webhook {
  name: string;
  clientConfig: ClientConfig;
}

interface WebhookConfiguration extends KubeObject {
  webhooks?: Webhook[];
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

/** How a webhook must look when a value is published. */
type Published = (webhook: Webhook, value: string) => ClientConfig;

/** Both configurations called `name`, which all publishers of a process share. */
export class WebhookConfigurations {
  readonly #cluster: CertCluster;
  readonly #name: string;
  readonly #service: Service;
  readonly #followed: NamedObject<WebhookConfiguration>[];
  #isFollowed = false;

  constructor(cluster: CertCluster, name: string, service: Service) {
    this.#cluster = cluster;
    this.#name = name;
    this.#service = service;
    this.#followed = configurations.map((resource) => follow(cluster, resource, name));
  }

  /** Puts the CA bundle (PEM) into every webhook. */
  bundlePublisher(): BundlePublisher {
    return this.#publisher(({ clientConfig }, bundle) => ({ ...clientConfig, caBundle: inBase64(bundle) }));
  }

  /** Puts a token before the path of every webhook that `paths` knows by name. */
  pathPublisher(paths: ReadonlyMap<string, string>): BundlePublisher {
    return this.#publisher(({ name, clientConfig }, token) => {
      const path = paths.get(name);
      return path === undefined ? clientConfig : calledAt(clientConfig, `/${token}${path}`);
    });
  }

  /**
   * Skips a configuration that does not exist, and one whose webhooks call another Service: two installations would
   * write over each other's.
   */
  #publisher(published: Published): BundlePublisher {
    const [service, followed] = [this.#service, this.#followed];
    return {
      publish: async (latest) => {
        let wrote = false;
        for (const resource of configurations)
          wrote = (await this.#publishTo(resource, published, latest)) || wrote;
        return wrote;
      },
      watch: (listener, signal) => {
        for (const it of followed) {
          it.onChange(listener);
          if (!this.#isFollowed) void it.start(signal);
        }
        this.#isFollowed = true;
      },
      shows(value) {
        if (!followed.every(({ isFresh }) => isFresh)) return undefined;
        return followed.every((it) => isElsewhere(it.get(), service) || has(it.get(), published, value));
      },
    };
  }

  async #publishTo(
    resource: Resource<WebhookConfiguration>,
    published: Published,
    latest: () => Promise<string>,
  ): Promise<boolean> {
    const { client, logger } = this.#cluster;
    const name = this.#name;
    for (;;) {
      try {
        const found = await client.get(resource, { name }, { timeoutMs: callMs });
        if (isElsewhere(found, this.#service)) {
          const fields = { kind: resource.kind, name };
          logger.warn(
            fields,
            'the webhooks call another Service: another installation has this configuration',
          );
          return false;
        }
        const value = await latest();
        if (has(found, published, value)) return false;
        const webhooks = (found.webhooks ?? []).map((webhook) => ({
          ...webhook,
          clientConfig: published(webhook, value),
        }));
        await client.replace(resource, { ...found, webhooks }, { timeoutMs: callMs });
        return true;
      } catch (error) {
        if (isNotFound(error)) return false;
        if (!isConflict(error)) throw error;
      }
    }
  }
}

const inBase64 = (bundle: string): string => Buffer.from(bundle).toString('base64');

/** A configuration that does not exist has nothing wrong. */
const has = (configuration: WebhookConfiguration | undefined, published: Published, value: string): boolean =>
  configuration?.webhooks?.every((webhook) => same(published(webhook, value), webhook.clientConfig)) ?? true;

/** The same server, called at `path`. */
function calledAt(clientConfig: ClientConfig, path: string): ClientConfig {
  const { service, url } = clientConfig;
  if (service) return { ...clientConfig, service: { ...service, path } };
  return url && URL.canParse(url) ? { ...clientConfig, url: new URL(url).origin + path } : clientConfig;
}

interface Service {
  namespace: string;
  name: string;
}

function isElsewhere(configuration: WebhookConfiguration | undefined, { namespace, name }: Service): boolean {
  const called = configuration?.webhooks?.map(({ clientConfig }) => clientConfig.service);
  return called?.some((it) => it && (it.namespace !== namespace || it.name !== name)) ?? false;
}
