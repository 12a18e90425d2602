// The serving certificate of one process, and what proves that a caller is the API server: the secret in the webhooks'
// path, and the CAs of client certificates.
import { servingNames } from '../../certs/authority.ts';
import { FileSource } from '../../certs/file-source.ts';
import { kubeSecretStore, WebhookConfigurations } from '../../certs/kube-secret.ts';
import { PathSource } from '../../certs/path-source.ts';
import { SecretSource } from '../../certs/secret-source.ts';
import type { CertMetrics, CertSource } from '../../certs/source.ts';
import { TrustFile } from '../../certs/trust-file.ts';
import { registry } from '../../webhooks/registry.ts';
import type { Client } from '../kube/client.ts';
import { webhookPaths } from '../manifests/webhook-configurations.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Log } from '../runtime/log.ts';
import type { Component } from '../runtime/manager.ts';
import type { ServeSettings } from '../settings/serve.ts';

export interface CertificatesOptions {
  settings: ServeSettings;
  client: Client;
  clock: Clock;
  log: Log;
  metrics: CertMetrics;
}

export interface Certificates {
  serving: CertSource;
  /** Undefined when the server asks clients for no certificate. */
  clientAuthorities: TrustFile | undefined;
  /** The secret in the webhooks' path. */
  path: PathSource;
  components: Component[];
}

export function createCertificates(options: CertificatesOptions): Certificates {
  const { settings, clock, log } = options;
  const cluster = { client: options.client, clock, logger: log };
  const configurations = new WebhookConfigurations(cluster, settings.configuration, {
    namespace: settings.namespace,
    name: settings.service,
  });
  const serving = createSource(options, configurations);
  const path = new PathSource({
    store: kubeSecretStore(cluster, settings.namespace, settings.pathSecret),
    publisher: configurations.pathPublisher(webhookPaths(registry)),
    clock,
    logger: log,
    lifetime: settings.pathLifetime,
    overlap: settings.pathOverlap,
  });
  const clientAuthorities = settings.clientCaFile
    ? new TrustFile({ file: settings.clientCaFile, clock, logger: log })
    : undefined;
  const component: Component = {
    name: 'certificates',
    start: (signal) => serving.start(signal),
    ready: () => (serving.current() ? { ok: true } : { ok: false, why: 'no serving certificate' }),
  };
  return {
    serving,
    clientAuthorities,
    path,
    components: [component, path, ...(clientAuthorities ? [clientAuthorities] : [])],
  };
}

function createSource(
  { settings, client, clock, log, metrics }: CertificatesOptions,
  configurations: WebhookConfigurations,
): CertSource {
  if (settings.certs === 'files') {
    if (!settings.certDir) throw new Error('--certs files needs --cert-dir');
    return new FileSource({ directory: settings.certDir, clock, logger: log, metrics });
  }
  const cluster = { client, clock, logger: log };
  return new SecretSource({
    store: kubeSecretStore(cluster, settings.namespace, settings.certSecret),
    publisher: configurations.bundlePublisher(),
    names: servingNames(settings.service, settings.namespace, settings.certNames),
    clock,
    logger: log,
    metrics,
    leafLifetime: settings.certLifetime,
    authorityLifetime: settings.caLifetime,
    overlap: settings.caOverlap,
    checkEvery: settings.certCheck,
  });
}
