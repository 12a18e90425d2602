// A whole sale on one machine: installs everything on a cluster (the sandbox, or one that the caller names) and runs
// `serve` in this process.

import { anywhere, clusterServices, parseReach, thisMachine } from '../api/reach.ts';
import type { Client } from '../kube/client.ts';
import { loadConfig } from '../kube/config.ts';
import { isNotFound } from '../kube/errors.ts';
import { createClient } from '../kube/json-client.ts';
import type { KubeObject, Resource } from '../kube/objects.ts';
import { install } from '../manifests/install.ts';
import { refuseSecond } from '../manifests/installations.ts';
import { deployment } from '../manifests/names.ts';
import { type Running, serve } from '../process/serve.ts';
import { systemClock } from '../runtime/clock.ts';
import type { Log } from '../runtime/log.ts';
import { defaultServeSettings } from '../settings/options.ts';
import type { ServeSettings } from '../settings/serve.ts';

export interface StartOptions {
  /** Path of a kubeconfig with all rights. */
  kubeconfig: string;
  log: Log;
  settings?: Partial<ServeSettings>;
  /**
   * Set when the API server has a client certificate for its webhook calls: a file with the CAs, and the common
   * name of the certificate.
   */
  webhookClient?: { caFile: string; name: string } | undefined;
  /** The commands that the board shows while there are no goods. */
  firstSteps?: string[];
  onLost(why: string): void;
}

/** Installs and serves. Resolves when orders can be made. The webhook configurations point to this process. */
export async function startSale(options: StartOptions): Promise<Running> {
  const { kubeconfig, log, webhookClient } = options;
  const settings: ServeSettings = {
    ...defaultServeSettings(),
    kubeconfig,
    host: '127.0.0.1',
    port: await freePort(),
    metricsHost: '127.0.0.1',
    metricsPort: 0,
    board: true,
    // There is one replica. After a crash it must not wait for its own lease to run out.
    leaderElect: false,
    drain: 0,
    // On a person's own machine, Prometheus and third parties run there too.
    prometheusAllow: parseReach([...clusterServices, ...thisMachine]),
    thirdPartyAllow: parseReach([...anywhere, ...thisMachine]),
    ...(webhookClient ? { clientCaFile: webhookClient.caFile, clientNames: [webhookClient.name] } : {}),
    ...options.settings,
  };
  const client = createClient(loadConfig({ file: kubeconfig }));
  const url = `https://127.0.0.1:${settings.port}`;
  await refuseSecond(client, { ...deployment, url }, settings.takeOver);
  // The configurations must not outlive this process: the API server would get no answer and refuse every order.
  const withdraw = async () => {
    await removeConfigurations(client, url).catch((error: Error) =>
      log.warn(
        { err: error.message },
        `webhook configurations ${deployment.configuration} are left behind; run: spikegate uninstall`,
      ),
    );
    client.close();
  };
  const { firstSteps } = options;
  try {
    await install(client, {
      target: { url },
      rbac: deployment,
      clock: systemClock,
      log: (line) => log.debug({}, line),
    });
    const running = await serve(settings, log, options.onLost, firstSteps ? { firstSteps } : {});
    const { stop } = running;
    // Change the object itself: a copy would freeze the values of its getters.
    running.stop = () => stop().finally(withdraw);
    return running;
  } catch (error) {
    await withdraw();
    throw error;
  }
}

interface Configuration extends KubeObject {
  webhooks?: { clientConfig: { url?: string } }[];
}

/** Short, because a person waits for the process to end and the API server may be gone. */
const promptly = { timeoutMs: 3000, retry: false };

/** Deletes the configurations that still point to this process. Another installation may have replaced them. */
async function removeConfigurations(client: Client, url: string): Promise<void> {
  for (const kind of ['MutatingWebhookConfiguration', 'ValidatingWebhookConfiguration']) {
    const resource: Resource<Configuration> = {
      ...{ group: 'admissionregistration.k8s.io', version: 'v1', kind },
      ...{ plural: `${kind.toLowerCase()}s`, namespaced: false },
    };
    try {
      const { metadata, webhooks = [] } = await client.get(
        resource,
        { name: deployment.configuration },
        promptly,
      );
      if (!webhooks.every(({ clientConfig }) => clientConfig.url?.startsWith(`${url}/`))) continue;
      const { uid } = metadata;
      await client.delete(
        resource,
        { name: deployment.configuration },
        { preconditions: { uid }, ...promptly },
      );
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}

/**
 * A port that was free a moment ago. The webhook configurations must name the port before the server listens on it.
 */
export async function freePort(): Promise<number> {
  const { createServer } = await import('node:net');
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as { port: number };
      probe.close(() => resolve(port));
    });
  });
}
