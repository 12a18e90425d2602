// The webhooks of the API server, as a scenario changes them: ours taken away for a while, and one of another program put
// beside them.
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { servingPair } from '../../bench/pki.ts';
import { SpikeOrder } from '../../src/api/spike-order.ts';
import type { KubeObject, Resource } from '../../src/kube/objects.ts';
import type { World } from './world.ts';

interface Configuration extends KubeObject {
  webhooks: unknown[];
}

const configurations = (kind: string, plural: string): Resource<Configuration> => ({
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  kind,
  plural,
  namespaced: false,
});
export const validating = configurations('ValidatingWebhookConfiguration', 'validatingwebhookconfigurations');
const mutating = configurations('MutatingWebhookConfiguration', 'mutatingwebhookconfigurations');

/** Deletes our webhook configurations. Returns what creates them again. */
export async function withoutWebhooks(
  { client }: World,
  which: readonly Resource<Configuration>[] = [mutating, validating],
): Promise<() => Promise<void>> {
  const name = 'spikegate';
  const kept = await Promise.all(which.map((resource) => client.get(resource, { name })));
  await Promise.all(which.map((resource) => client.delete(resource, { name })));
  return async () => {
    for (const [index, resource] of which.entries()) {
      const { apiVersion, kind, metadata, webhooks } = kept[index]!;
      const { labels = {} } = metadata;
      await client.create(resource, { apiVersion, kind, metadata: { name, labels }, webhooks });
    }
  };
}

/**
 * Another program's validating webhook on new orders of a namespace. It allows each order when `ready` resolves. Returns
 * what removes it.
 */
export async function otherWebhook(
  { client }: World,
  namespace: string,
  ready: () => Promise<void>,
): Promise<() => Promise<void>> {
  const { ca, cert, key } = await servingPair();
  const server = createServer({ cert, key }, async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { request: asked, apiVersion, kind } = JSON.parse(Buffer.concat(chunks).toString());
    await ready();
    response.setHeader('Content-Type', 'application/json');
    response.end(JSON.stringify({ apiVersion, kind, response: { uid: asked.uid, allowed: true } }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const { group, version, plural } = SpikeOrder;
  await client.create(validating, {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: validating.kind,
    metadata: { name: namespace },
    webhooks: [
      {
        name: 'other.example.com',
        admissionReviewVersions: ['v1'],
        sideEffects: 'None',
        clientConfig: { url: `https://127.0.0.1:${port}/`, caBundle: Buffer.from(ca).toString('base64') },
        rules: [{ apiGroups: [group], apiVersions: [version], operations: ['CREATE'], resources: [plural] }],
        namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
      },
    ],
  });
  return async () => {
    await client.delete(validating, { name: namespace });
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
}

/** Asks for an order that is checked and not stored. */
export const dryRunOrder = ({ client }: World, namespace: string, buyerId = 'buyer1'): Promise<SpikeOrder> =>
  client.create(
    SpikeOrder,
    {
      apiVersion: SpikeOrder.apiVersion,
      kind: 'SpikeOrder',
      metadata: { name: 'dry', namespace },
      spec: { buyerId, goodsMap: { goods1: 1 } },
    },
    { dryRun: true },
  );
