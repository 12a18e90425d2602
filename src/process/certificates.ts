// The serving certificate of one process, and the CAs of the clients that may call it.
import { servingNames } from '../../certs/authority.ts';
import { FileSource } from '../../certs/file-source.ts';
import { kubeBundlePublisher, kubeSecretStore } from '../../certs/kube-secret.ts';
import { SecretSource } from '../../certs/secret-source.ts';
import type { CertMetrics, CertSource } from '../../certs/source.ts';
import { TrustFile } from '../../certs/trust-file.ts';
import type { Client } from '../kube/client.ts';
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
  components: Component[];
}

export function createCertificates(options: CertificatesOptions): Certificates {
  const { settings, clock, log } = options;
  const serving = createSource(options);
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
    components: clientAuthorities ? [component, clientAuthorities] : [component],
  };
}

function createSource({ settings, client, clock, log, metrics }: CertificatesOptions): CertSource {
  if (settings.certs === 'files') {
    if (!settings.certDir) throw new Error('--certs files needs --cert-dir');
    return new FileSource({ directory: settings.certDir, clock, logger: log, metrics });
  }
  const cluster = { client, clock, logger: log };
  return new SecretSource({
    store: kubeSecretStore(cluster, settings.namespace, settings.certSecret),
    publisher: kubeBundlePublisher(cluster, settings.configuration, {
      namespace: settings.namespace,
      name: settings.service,
    }),
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
