// A real control plane on which Spikegate is installed as a person does it: with kubectl and the manifests. What a
// cluster has besides is played here: nodes (a `serve` in a process, under the service account's own token), the
// Service (webhooks by url), cert-manager's kinds.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import type { Client } from '../../src/kube/client.ts';
import { loadConfig } from '../../src/kube/config.ts';
import { isNotFound } from '../../src/kube/errors.ts';
import { createClient } from '../../src/kube/json-client.ts';
import type { Draft, KubeObject, Resource } from '../../src/kube/objects.ts';
import { resourceOf as builtIn } from '../../src/manifests/install.ts';
import type { Manifest } from '../../src/manifests/manifest.ts';
import { deployment } from '../../src/manifests/names.ts';
import { type ControlPlane, kubeconfigFor, startControlPlane } from '../control-plane/index.ts';
import { Balancer } from '../e2e/balancer.ts';
import { type Program, Replica } from '../e2e/replica.ts';
import { eventually, namespaces } from '../e2e/world.ts';

export const manifests = join(import.meta.dirname, '..', '..', 'manifests');

export const configurations = ['MutatingWebhookConfiguration', 'ValidatingWebhookConfiguration'].map(
  (kind): Resource<Configuration> =>
    builtIn({
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind,
      metadata: { name: '' },
    }) as Resource<Configuration>,
);

interface Configuration extends KubeObject {
  webhooks: {
    name: string;
    clientConfig: {
      url?: string;
      service?: { namespace: string; name: string; path?: string };
      caBundle?: string;
    };
  }[];
}

export class Cluster {
  readonly plane: ControlPlane;
  /** The administrator's. */
  readonly admin: Client;
  readonly balancer: Balancer;
  replicas: Replica[] = [];
  /** What kubectl printed as a warning: the API server's, and its own. */
  readonly warnings: string[] = [];
  #namespaces = 0;

  private constructor(plane: ControlPlane, admin: Client, balancer: Balancer) {
    this.plane = plane;
    this.admin = admin;
    this.balancer = balancer;
  }

  static async start(options: Parameters<typeof startControlPlane>[0] = {}): Promise<Cluster> {
    const plane = await startControlPlane({
      fsync: false,
      extraArgs: { controllerManager: ['--kube-api-qps=200', '--kube-api-burst=400'] },
      ...options,
    });
    const admin = createClient(loadConfig({ file: plane.kubeconfig }), { userAgent: 'spikegate-test' });
    return new Cluster(plane, admin, await Balancer.listen());
  }

  async stop(): Promise<void> {
    await this.stopServing();
    await this.balancer.close();
    this.admin.close();
    await this.plane.stop();
  }

  overlay(name: 'self-signed' | 'cert-manager'): string {
    return join(manifests, 'overlays', name);
  }

  /** kubectl of the control plane, else the one on the PATH; what it printed. Throws with its words when it fails. */
  kubectl(args: readonly string[], stdin = ''): Promise<string> {
    const program = this.plane.binaries.kubectl ?? 'kubectl';
    const env = { ...process.env, KUBECONFIG: this.plane.kubeconfig };
    return new Promise((resolve, reject) => {
      const child = execFile(program, [...args], { env, maxBuffer: 64 << 20 }, (error, stdout, stderr) => {
        this.warnings.push(...stderr.split('\n').filter((line) => /^(# )?Warning/i.test(line)));
        if (error) reject(new Error(`kubectl ${args.join(' ')}: ${(stderr || error.message).slice(-2000)}`));
        else resolve(stdout);
      });
      child.stdin?.on('error', () => {});
      child.stdin?.end(stdin);
    });
  }

  /** Instead of the Service, which leads nowhere here, the address of the balancer; `false` puts the Service back. */
  async aimWebhooks(atBalancer = true): Promise<void> {
    const { namespace, service: name } = deployment;
    for (const resource of configurations) {
      const found = await this.admin.get(resource, { name: deployment.configuration });
      const webhooks = found.webhooks.map(({ clientConfig: { service, url, ...rest }, ...webhook }) => {
        // A Service without a path: no server has written one yet.
        const path = service ? service.path : new URL(url!).pathname;
        const where = atBalancer
          ? { url: `https://127.0.0.1:${this.balancer.port}${path ?? ''}` }
          : { service: { namespace, name, ...(path === undefined ? {} : { path }) } };
        return { ...webhook, clientConfig: { ...rest, ...where } };
      });
      await this.admin.replace(resource, { ...found, webhooks });
    }
  }

  /** A token of a service account as a pod gets it, of the API server itself. */
  async token(serviceAccount: string = deployment.serviceAccount): Promise<string> {
    const { namespace } = deployment;
    const { status, body } = await this.admin.request(
      'POST',
      `/api/v1/namespaces/${namespace}/serviceaccounts/${serviceAccount}/token`,
      {
        body: {
          apiVersion: 'authentication.k8s.io/v1',
          kind: 'TokenRequest',
          spec: { expirationSeconds: 3600 },
        },
      },
    );
    assert.equal(status, 201, JSON.stringify(body));
    return (body as { status: { token: string } }).status.token;
  }

  /** One more `serve` under the service account, behind the balancer. */
  async serve(flags: readonly string[] = [], program?: Program): Promise<Replica> {
    const kubeconfig = kubeconfigFor(this.plane, { token: await this.token(), user: 'spikegate' });
    const all = ['--drain', '0s', '--cert-check', '1s', ...flags];
    const replica = await Replica.start(kubeconfig, all, program);
    this.replicas.push(replica);
    this.balancer.backends = this.replicas.map(({ port }) => port);
    return replica;
  }

  async stopServing(): Promise<void> {
    this.balancer.backends = [];
    await Promise.all(this.replicas.splice(0).map((replica) => replica.stop()));
  }

  /** A namespace for a sale. */
  async namespace(): Promise<string> {
    const name = `shop-${++this.#namespaces}`;
    await this.admin.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
    return name;
  }

  /** What the server has of a manifest; undefined when it has none. */
  async stored(manifest: Manifest): Promise<KubeObject | undefined> {
    const { status, body } = await this.admin.request('GET', await this.#pathOf(manifest));
    if (status === 404) return undefined;
    assert.equal(status, 200, JSON.stringify(body));
    return body as KubeObject;
  }

  async #pathOf({ apiVersion, kind, metadata }: Manifest): Promise<string> {
    const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
    const { body } = await this.admin.request('GET', root);
    const { resources } = body as { resources?: { name: string; kind: string; namespaced: boolean }[] };
    const found = resources?.find((it) => it.kind === kind && !it.name.includes('/'));
    if (!found) return `${root}/no-such-kind`;
    const within = found.namespaced ? `/namespaces/${metadata.namespace}` : '';
    return `${root}${within}/${found.name}/${metadata.name}`;
  }

  async isGone(resource: Resource, key: { namespace?: string; name: string }): Promise<boolean> {
    try {
      await this.admin.get(resource, key);
      return false;
    } catch (error) {
      if (isNotFound(error)) return true;
      throw error;
    }
  }

  /** The kinds of somebody else's that a manifest needs, without what reconciles them. */
  async standIns(...kinds: readonly StandIn[]): Promise<void> {
    for (const { group, version, kind, plural } of kinds) {
      const crd = {
        apiVersion: 'apiextensions.k8s.io/v1',
        kind: 'CustomResourceDefinition',
        metadata: { name: `${plural}.${group}` },
        spec: {
          group,
          scope: 'Namespaced',
          names: { kind, plural, singular: kind.toLowerCase(), listKind: `${kind}List` },
          versions: [
            {
              name: version,
              served: true,
              storage: true,
              schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
            },
          ],
        },
      };
      await this.admin.apply(builtIn(crd), crd as Draft, { fieldManager: 'test', force: true });
      await eventually(async () => {
        const { status } = await this.admin.request('GET', `/apis/${group}/${version}/${plural}`);
        assert.equal(status, 200);
      });
    }
  }
}

interface StandIn {
  group: string;
  version: string;
  kind: string;
  plural: string;
}

export const certManagerKinds: StandIn[] = ['Issuer', 'Certificate'].map((kind) => ({
  group: 'cert-manager.io',
  version: 'v1',
  kind,
  plural: `${kind.toLowerCase()}s`,
}));
