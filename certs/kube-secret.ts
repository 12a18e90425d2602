// Implements the interfaces of secret-source.ts with a Kubernetes client: one Secret stores the certificates, and the
// webhook configurations publish the bundle. Decisions use live reads. A watch only says that an object may have
// changed.
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

const callTimeoutMs = 10_000;

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
      // Log the first failure only. The watch is retried for ever. Until it works, every check reads the object.
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
        const secret = await client.get(secrets, { namespace, name }, { timeoutMs: callTimeoutMs });
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
      const secret = await client.create(secrets, draft, { timeoutMs: callTimeoutMs }).catch(asConflict);
      return secret.metadata.resourceVersion;
    },
    async update(data, version) {
      const metadata = { name, namespace, resourceVersion: version } as Secret['metadata'];
      const secret = await client
        .replace(secrets, { ...body(data), metadata }, { timeoutMs: callTimeoutMs })
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

/** Returns the clientConfig that a webhook must have to show `value`. */
type ConfigFor = (webhook: Webhook, value: string) => ClientConfig;

/** The mutating and the validating configuration of one name. All publishers of a process share one instance. */
export class WebhookConfigurations {
  readonly #cluster: CertCluster;
  readonly #name: string;
  readonly #service: Service;
  readonly #followed: NamedObject<WebhookConfiguration>[];
  #watchesStarted = false;

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

  /** Puts a token in front of each webhook's path. `paths` has the path by webhook name; others stay unchanged. */
  pathPublisher(paths: ReadonlyMap<string, string>): BundlePublisher {
    return this.#publisher(({ name, clientConfig }, token) => {
      const path = paths.get(name);
      return path === undefined ? clientConfig : calledAt(clientConfig, `/${token}${path}`);
    });
  }

  /**
   * The publisher skips a configuration that does not exist. It also skips one whose webhooks call another Service:
   * that belongs to another installation, and the two would overwrite each other.
   */
  #publisher(configFor: ConfigFor): BundlePublisher {
    const [service, followed] = [this.#service, this.#followed];
    return {
      publish: async (latest) => {
        let wrote = false;
        for (const resource of configurations)
          wrote = (await this.#publishTo(resource, configFor, latest)) || wrote;
        return wrote;
      },
      watch: (listener, signal) => {
        for (const it of followed) {
          it.onChange(listener);
          if (!this.#watchesStarted) void it.start(signal);
        }
        this.#watchesStarted = true;
      },
      shows(value) {
        if (!followed.every(({ isFresh }) => isFresh)) return undefined;
        return followed.every(
          (it) => callsOtherService(it.get(), service) || hasValue(it.get(), configFor, value),
        );
      },
    };
  }

  async #publishTo(
    resource: Resource<WebhookConfiguration>,
    configFor: ConfigFor,
    latest: () => Promise<string>,
  ): Promise<boolean> {
    const { client, logger } = this.#cluster;
    const name = this.#name;
    for (;;) {
      try {
        const found = await client.get(resource, { name }, { timeoutMs: callTimeoutMs });
        if (callsOtherService(found, this.#service)) {
          const fields = { kind: resource.kind, name };
          logger.warn(
            fields,
            'the webhooks call another Service: another installation has this configuration',
          );
          return false;
        }
        // After the read of the configuration: see BundlePublisher.
        const value = await latest();
        if (hasValue(found, configFor, value)) return false;
        const webhooks = (found.webhooks ?? []).map((webhook) => ({
          ...webhook,
          clientConfig: configFor(webhook, value),
        }));
        await client.replace(resource, { ...found, webhooks }, { timeoutMs: callTimeoutMs });
        return true;
      } catch (error) {
        if (isNotFound(error)) return false;
        if (!isConflict(error)) throw error;
      }
    }
  }
}

const inBase64 = (bundle: string): string => Buffer.from(bundle).toString('base64');

/** Whether every webhook shows the value. True for a configuration that does not exist. */
const hasValue = (
  configuration: WebhookConfiguration | undefined,
  configFor: ConfigFor,
  value: string,
): boolean =>
  configuration?.webhooks?.every((webhook) => same(configFor(webhook, value), webhook.clientConfig)) ?? true;

/** A clientConfig for the same server with another path. */
function calledAt(clientConfig: ClientConfig, path: string): ClientConfig {
  const { service, url } = clientConfig;
  if (service) return { ...clientConfig, service: { ...service, path } };
  return url && URL.canParse(url) ? { ...clientConfig, url: new URL(url).origin + path } : clientConfig;
}

interface Service {
  namespace: string;
  name: string;
}

function callsOtherService(
  configuration: WebhookConfiguration | undefined,
  { namespace, name }: Service,
): boolean {
  const called = configuration?.webhooks?.map(({ clientConfig }) => clientConfig.service);
  return called?.some((it) => it && (it.namespace !== namespace || it.name !== name)) ?? false;
}
