// One of the two servers with its clients, in a process of their own.

import { join } from 'node:path';
import { Worker } from '../worker.ts';
import type { Requests } from './load.ts';
import type { Server } from './servers.ts';

export const configmaps = '/api/v1/namespaces/default/configmaps';
const hooksPath = (kind: string) =>
  `/apis/admissionregistration.k8s.io/v1/${kind.toLowerCase()}webhookconfigurations`;
const body = (name: string) =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, labels: { bench: 'yes' } },
    data: { text: 'x'.repeat(200) },
  });

export class Side {
  readonly server: Server;
  readonly worker = new Worker(join(import.meta.dirname, 'load.ts'));
  #made = 0;

  constructor(server: Server) {
    this.server = server;
  }

  get target() {
    return { endpoint: this.server.endpoint, token: this.server.token };
  }

  ask<R>(name: string, argument: object = {}): Promise<R> {
    return this.worker.ask<R>(name, { ...this.target, ...argument } as never);
  }

  requests(order: Omit<Requests, 'endpoint' | 'token' | 'from'>): Promise<number> {
    const from = this.#made;
    this.#made += order.count;
    return this.ask('requests', { ...order, from });
  }

  creates(clients: number, count: number): Promise<number> {
    return this.requests({ method: 'POST', path: configmaps, body: body('c#'), clients, count });
  }

  async webhooks(url: string, ca: string): Promise<void> {
    for (const kind of ['Mutating', 'Validating']) {
      const clientConfig = { url, caBundle: Buffer.from(ca).toString('base64') };
      const scope = { operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'] };
      const hook = {
        name: 'bench.example.com',
        clientConfig,
        rules: [{ ...scope, resources: ['configmaps'] }],
        admissionReviewVersions: ['v1'],
        sideEffects: 'None',
      };
      const configuration = JSON.stringify({
        apiVersion: 'admissionregistration.k8s.io/v1',
        kind: `${kind}WebhookConfiguration`,
        metadata: { name: 'bench' },
        webhooks: [hook],
      });
      const order = { path: hooksPath(kind), body: configuration, clients: 1, count: 1 };
      await this.requests({ method: 'POST', ...order });
    }
    // kube-apiserver's informers take the change a moment later.
    await new Promise((resolve) => setTimeout(resolve, 2000));
  }
}
