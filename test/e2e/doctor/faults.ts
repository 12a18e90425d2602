// Faults that are planted in a cluster for the doctor to find: each changes one thing, says what must be found of it,
// and how to take it back. They know the cluster; they know nothing of how the doctor looks.
import { randomBytes } from 'node:crypto';
import { issueAuthority, rsaKey } from '../../../certs/authority.ts';
import { formatHolds } from '../../../src/api/holds.ts';
import { kinds } from '../../../src/api/kinds.ts';
import { SpikeGoods } from '../../../src/api/spike-goods.ts';
import { SpikeOrder } from '../../../src/api/spike-order.ts';
import type { FindingReason } from '../../../src/doctor/findings.ts';
import type {
  Definition,
  OwnDeployment,
  Pod,
  WebhookConfiguration,
} from '../../../src/doctor/observation.ts';
import * as resources from '../../../src/doctor/resources.ts';
import { isNotFound } from '../../../src/kube/errors.ts';
import type { Draft, KubeObject, Resource } from '../../../src/kube/objects.ts';
import { eventually, type World } from '../world.ts';

export interface Expected {
  reason: FindingReason;
  where: RegExp;
  what: RegExp;
  remedy: RegExp;
}

export interface Fault {
  name: string;
  /** Resolves to how to take it back. */
  plant(world: World, namespace: string): Promise<() => Promise<unknown>>;
  /** Replicas mend it themselves within a second or two: it is planted anew right before each look. */
  isMended?: true;
  finds: Expected[];
}

const system = 'spikegate-system';
const crd = (kind: string): string => {
  const { plural, group } = kinds.find((it) => it.kind === kind)!;
  return `${plural}.${group}`;
};

/** Changes an object as it is stored, and gives back how to put the old one in its place. */
async function edit<T extends KubeObject>(
  { client }: World,
  resource: Resource<T>,
  key: { namespace?: string; name: string },
  change: (object: T) => void,
  subresource?: string,
): Promise<() => Promise<unknown>> {
  const options = subresource ? { subresource } : {};
  const before = await client.get(resource, key);
  const changed = structuredClone(before);
  change(changed);
  await client.replace(resource, changed, options);
  return () =>
    eventually(async () => {
      const now = await client.get(resource, key);
      const { resourceVersion } = now.metadata;
      await client.replace(
        resource,
        { ...before, metadata: { ...before.metadata, resourceVersion } },
        options,
      );
    });
}

async function make<T extends KubeObject>(
  { client }: World,
  resource: Resource<T>,
  draft: Draft<NoInfer<T>>,
): Promise<() => Promise<unknown>> {
  const { metadata } = await client.create(resource, draft);
  return async () => {
    await client.delete(resource, metadata, { gracePeriodSeconds: 0, propagationPolicy: 'Background' });
    await eventually(async () => {
      const isGone = await client.get(resource, metadata).then(
        (found) => found.metadata.uid !== metadata.uid,
        (error) => isNotFound(error),
      );
      if (!isGone) throw new Error(`${resource.kind} ${metadata.name} is still there`);
    });
  };
}

const name = 'spikegate';
const firstOf = ({ webhooks }: WebhookConfiguration) => webhooks![0]!;
const labels = { 'app.kubernetes.io/part-of': 'spikegate', 'planted-by': 'doctor-test' };

const serviceInstead = (world: World) =>
  edit(world, resources.validatingConfigurations, { name }, (configuration) => {
    const { clientConfig } = firstOf(configuration);
    delete clientConfig.url;
    clientConfig.service = { namespace: system, name: 'planted', path: '/' };
  });

const deployment = (replicas: number): Draft<OwnDeployment> => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'planted', namespace: system, labels },
  spec: {
    replicas,
    selector: { matchLabels: labels },
    template: {
      metadata: { labels, annotations: { 'spikegate.io/sandbox-never-ready': '' } },
      spec: {
        containers: [{ name: 'spikegate', image: 'spikegate:1' }] as { name: string; image: string }[],
      },
    },
  } as OwnDeployment['spec'],
});

/** While the server runs. */
export const faultsOfTheInstallation: Fault[] = [
  {
    name: 'a CRD of another version',
    plant: (world) =>
      edit(world, resources.definitions, { name: crd('Buyer') }, (definition: Definition) => {
        const [version] = definition.spec.versions as unknown as {
          schema: { openAPIV3Schema: { properties: { spec: { properties: Record<string, unknown> } } } };
        }[];
        const { properties } = version!.schema.openAPIV3Schema.properties.spec;
        delete properties.phone;
        properties.fax = { type: 'string' };
      }),
    finds: [
      {
        reason: 'DefinitionOutdated',
        where: /^customresourcedefinition\/buyers\.myapp\.spike\.com$/,
        what: /properties\.phone must be \{.*is absent; .*properties\.fax must be absent/,
        remedy: /^spikegate manifests --install --webhook-url https:\/\/127\.0\.0\.1:\d+$/,
      },
    ],
  },
  {
    name: 'objects stored in a version that is gone',
    plant: (world) =>
      edit(
        world,
        resources.definitions,
        { name: crd('Seller') },
        ({ status }: Definition) => {
          status!.storedVersions = ['v1alpha1', 'v1'];
        },
        'status',
      ),
    finds: [
      {
        reason: 'StoredVersionGone',
        where: /^customresourcedefinition\/sellers\.myapp\.spike\.com status\.storedVersions$/,
        what: /stored as v1alpha1/,
        remedy: /kubectl get sellers.* && kubectl patch crd sellers.*"storedVersions":\["v1"\]/,
      },
    ],
  },
  {
    name: 'a failurePolicy that lets everything through',
    plant: (world) =>
      edit(world, resources.validatingConfigurations, { name }, (it) => {
        firstOf(it).failurePolicy = 'Ignore';
        it.webhooks = it.webhooks!.filter((webhook) => !webhook.name.includes('seckill'));
      }),
    finds: [
      {
        reason: 'ConfigurationOutdated',
        where: /^validatingwebhookconfiguration\/spikegate$/,
        what: /failurePolicy must be "Fail", is "Ignore".*the webhook validate\.seckill\.spikegate\.io must be there/,
        remedy: /^spikegate manifests --install/,
      },
      {
        reason: 'WebhookNotCalled',
        where: /^webhooks of Seckill$/,
        what: /what breaks a rule is let through/,
        remedy: /kubectl get namespace default --show-labels/,
      },
    ],
  },
  {
    name: 'a caBundle of somebody else',
    isMended: true,
    async plant(world) {
      const key = await rsaKey();
      const ca = issueAuthority({ key, now: Date.now(), lifetime: 3_600_000, random: randomBytes });
      return edit(world, resources.mutatingConfigurations, { name }, (configuration) => {
        firstOf(configuration).clientConfig.caBundle = Buffer.from(ca).toString('base64');
      });
    },
    finds: [
      {
        reason: 'CaBundleWrong',
        where: /^webhook mutate\.[a-z]+\.spikegate\.io$/,
        what: /does not vouch for what 127\.0\.0\.1:\d+ serves \(issuer CN=spikegate-ca-/,
        remedy: /kubectl -n spikegate-system rollout restart deployment/,
      },
    ],
  },
  {
    name: 'a Service that is not there',
    plant: serviceInstead,
    finds: [
      {
        reason: 'ServiceMissing',
        where: /^service\/spikegate-system\/planted$/,
        what: /it is not there/,
        remedy: /kubectl -n spikegate-system get services/,
      },
      {
        reason: 'WebhookNotAnswering',
        where: /^webhook validate\.[a-z]+\.spikegate\.io$/,
        what: /service "planted" not found/,
        remedy: /^spikegate manifests --install/,
      },
    ],
  },
  {
    name: 'a Service with nobody behind it',
    async plant(world) {
      const back = await serviceInstead(world);
      const unmake = await make(world, resources.services, {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'planted', namespace: system },
        spec: { selector: { app: 'nobody' }, ports: [{ port: 443, targetPort: 9443 }] },
      } as Draft);
      return async () => {
        await back();
        await unmake();
      };
    },
    finds: [
      {
        reason: 'ServiceWithoutEndpoints',
        where: /^service\/spikegate-system\/planted$/,
        what: /no endpoint that is ready \(0 not ready\)/,
        remedy: /kubectl -n spikegate-system describe service planted; kubectl -n spikegate-system get pods/,
      },
    ],
  },
  {
    name: 'pods that are not ready, of two versions',
    async plant(world) {
      const unmake = await make(world, resources.deployments, deployment(2));
      const unpod = await make(world, resources.pods, {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'planted-old', namespace: system, labels },
        spec: { containers: [{ name: 'spikegate', image: 'spikegate:0' }] },
      } as Draft<Pod>);
      await eventually(async () => {
        const { items } = await world.client.list(resources.pods, { namespace: system });
        if (items.length < 3) throw new Error(`${items.length} pods`);
      });
      return async () => {
        await unmake();
        await unpod();
      };
    },
    finds: [
      {
        reason: 'ReplicasMissing',
        where: /^deployment\/spikegate-system\/planted$/,
        what: /^0 of 2 replicas are ready$/,
        remedy: /kubectl -n spikegate-system rollout status deployment\/planted/,
      },
      {
        reason: 'VersionsDiffer',
        where: /^pods in spikegate-system$/,
        what: /1 × spikegate:0, 2 × spikegate:1/,
        remedy: /rollout status deployment/,
      },
    ],
  },
  {
    name: 'a sale in a namespace without rules',
    async plant(world, namespace) {
      const label = (value: string | null) =>
        world.client.patch(
          resources.namespaces,
          { name: namespace },
          { metadata: { labels: { 'spikegate.io/exempt': value } } },
          { type: 'merge' },
        );
      await label('');
      return () => label(null);
    },
    finds: [
      {
        reason: 'NamespaceExempt',
        where: /^namespace\/e2e-/,
        what: /orders there are not checked/,
        remedy: /^kubectl label namespace e2e-\S+ spikegate\.io\/exempt-$/,
      },
    ],
  },
];

/** While nobody serves and nothing is admitted: what a leader would put right, and a server would refuse. */
export const faultsOfTheSale: Fault[] = [
  {
    name: 'a hold that nobody gave back, and counters that nobody added up',
    plant: (world, namespace) =>
      edit(
        world,
        SpikeGoods as Resource<SpikeGoods>,
        { namespace, name: 'goods1' },
        (goods) => {
          const time = new Date(Date.now() - 3_600_000).toISOString();
          goods.status = {
            ...goods.status,
            num: 7,
            holds: formatHolds([{ uid: 'lost', order: 'lost', quantity: 2, time }]),
          };
        },
        'status',
      ),
    finds: [
      {
        reason: 'HoldsLeaked',
        where: /^spikegoods\/e2e-\S+\/goods1 status\.holds$/,
        what: /^1 holds with 2 units are older than the limit of 120 s, the oldest of \S+ for order lost/,
        remedy: /kubectl -n spikegate-system get pods/,
      },
      {
        reason: 'CountersWrong',
        where: /^spikegoods\/e2e-\S+\/goods1 status$/,
        what: /^num is 7 and reserved 1, its orders have 0 and 1$/,
        remedy: /rollout restart deployment/,
      },
    ],
  },
  {
    name: 'more sold than there is',
    plant: (world, namespace) =>
      edit(
        world,
        SpikeGoods as Resource<SpikeGoods>,
        { namespace, name: 'goods1' },
        (goods) => {
          goods.status = { ...goods.status, num: 20 };
        },
        'status',
      ),
    finds: [
      {
        reason: 'StockOversold',
        where: /^spikegoods\/e2e-\S+\/goods1 status$/,
        what: /^20 sold, 1 reserved and 0 held are 11 more than spec\.stockCount 10$/,
        remedy: /kubectl -n e2e-\S+ patch spikegoods goods1 --type=merge -p '\{"spec":\{"stockCount":21\}\}'/,
      },
    ],
  },
  {
    name: 'an order that did not expire',
    plant: (world, namespace) =>
      edit(world, SpikeOrder as Resource<SpikeOrder>, { namespace, name: 'order1' }, ({ spec }) => {
        spec.expiredTime = new Date(Date.now() - 3_600_000).toISOString();
      }),
    finds: [
      {
        reason: 'OrdersOverdue',
        where: /^spikeorder\/e2e-\S+\/order1$/,
        what: /^1 orders are past their deadline and still Unpaid/,
        remedy: /kubectl -n spikegate-system get pods/,
      },
    ],
  },
];
