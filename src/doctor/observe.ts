// Reads everything that the checks need from a cluster. It sends only reads and dry runs, so it changes nothing.
import { kindsOf, saleKinds } from '../api/kinds.ts';
import { inUseFinalizer, partOfLabels } from '../api/names.ts';
import { SpikeGoods } from '../api/spike-goods.ts';
import { SpikeOrder } from '../api/spike-order.ts';
import type { Client } from '../kube/client.ts';
import { isForbidden, isNotFound } from '../kube/errors.ts';
import { type Lease, leaseResource } from '../kube/lease-record.ts';
import { type KubeObject, keyOf, type Resource } from '../kube/objects.ts';
import type { Extent } from '../manifests/extent.ts';
import {
  extentOf,
  type Installation,
  installationsOf,
  installedConfigurations,
} from '../manifests/installations.ts';
import { type Clock, sleep } from '../runtime/clock.ts';
import { deniedOf } from './access.ts';
import { hasRunOut } from './checks/leader.ts';
import { miscounts } from './checks/sale.ts';
import {
  type Expectations,
  isSeen,
  type Namespace,
  type Observation,
  type OwnDeployment,
  type Pod,
  type Seen,
  type StuckObject,
  valueIn,
} from './observation.ts';
import { probe } from './probes.ts';
import * as resources from './resources.ts';
import { type Dial, servedCertificate } from './serving.ts';
import { entriesOf, firstEntry } from './webhook-entries.ts';

export interface ObserveOptions {
  client: Client;
  /** The parts and namespaces come from the installation that is found in the cluster. */
  expected: Omit<Expectations, keyof Extent>;
  clock: Clock;
  dial: Dial;
  /**
   * Pause in ms before a suspicious value is read again: it may be about to change. Must be longer than the interval at
   * which a leader renews the lease.
   */
  lookAgainMs: number;
}

/** Objects per page of a list. */
const pageSize = 500;

/** @throws Error when the server does not answer, or its answer is not that of an API server */
export async function observe(options: ObserveOptions): Promise<Observation> {
  const { client } = options;
  const installations = await attempt(async () => installationsOf(await installedConfigurations(client)));
  const expected = withExtent(installations, options.expected);
  const { namespace, configuration, parts } = expected;
  const isSelling = parts.includes('sale');
  const server = await serverOf(options);
  const [denied, definitions, mutating, validating, goods, orders, namespaces, deployments, firstLease] =
    await Promise.all([
      deniedOf(client, expected),
      definitionsOf(client, expected),
      attempt(() => client.get(resources.mutatingConfigurations, { name: configuration })),
      attempt(() => client.get(resources.validatingConfigurations, { name: configuration })),
      attempt(async () => (isSelling ? listIn<SpikeGoods>(client, SpikeGoods, expected) : [])),
      attempt(async () => (isSelling ? listIn<SpikeOrder>(client, SpikeOrder, expected) : [])),
      attempt(() => namespacesOf(client, expected)),
      attempt(() => ownDeployments(client, namespace)),
      readLease(client, expected),
    ]);
  const configurations = { mutating, validating };
  const [service, answers, served, pods, apiServers, stuck, again] = await Promise.all([
    serviceOf(client, configurations),
    Promise.all(kindsOf(parts).map((kind) => probe(client, kind, expected.probeNamespace))),
    servedCertificate(
      firstEntry(configurations),
      () => attempt(() => client.get(resources.secrets, { namespace, name: expected.certSecret })),
      expected.certSecret,
      options.dial,
    ),
    // The selectors of the pods are in the Deployments.
    isSeen(deployments) ? attempt(() => podsOf(client, namespace, deployments.value)) : deployments,
    attempt(() =>
      listAll<Pod>(client, resources.pods, {
        namespace: 'kube-system',
        labelSelector: 'component=kube-apiserver',
      }),
    ),
    isSeen(namespaces) ? attempt(() => stuckIn(client, isSelling ? namespaces.value : [])) : namespaces,
    readAgain({ ...options, expected }, { goods, orders, lease: firstLease, now: server.now }),
  ]);
  return {
    expected,
    ...server,
    denied,
    definitions,
    mutating,
    validating,
    installations,
    service,
    answers,
    served,
    namespaces,
    stuck,
    deployments,
    pods,
    apiServers,
    ...again,
  };
}

/**
 * Adds the parts and namespaces of the installation that has this configuration. If it names namespaces, the dry runs
 * must go to one of them: in others the API server does not call its webhooks.
 */
function withExtent(
  installations: Seen<Installation[]>,
  expected: Omit<Expectations, keyof Extent>,
): Expectations {
  const { configuration, probeNamespace: requested } = expected;
  const extent = extentOf((valueIn(installations) ?? []).find((it) => it.configuration === configuration));
  const [first = requested] = extent.namespaces;
  return {
    ...expected,
    ...extent,
    probeNamespace: extent.namespaces.includes(requested) ? requested : first,
  };
}

/** Turns errors into `missing` or `unreadable`. */
async function attempt<T>(read: () => Promise<T>): Promise<Seen<T>> {
  try {
    return { value: await read() };
  } catch (error) {
    if (isNotFound(error)) return { missing: true };
    return { unreadable: isForbidden(error) ? 'these credentials may not' : (error as Error).message };
  }
}

async function listAll<T extends KubeObject>(
  client: Client,
  resource: Resource<T>,
  where: { namespace?: string; labelSelector?: string } = {},
): Promise<T[]> {
  const items: T[] = [];
  let next: string | undefined;
  do {
    const page = await client.list(resource, {
      ...where,
      limit: pageSize,
      ...(next ? { continue: next } : {}),
    });
    items.push(...page.items);
    next = page.metadata.continue;
  } while (next);
  return items;
}

async function listIn<T extends KubeObject>(
  client: Client,
  resource: Resource<T>,
  { namespaces }: Extent,
): Promise<T[]> {
  if (namespaces.length === 0) return listAll(client, resource);
  const lists = namespaces.map((namespace) => listAll(client, resource, { namespace }));
  return (await Promise.all(lists)).flat();
}

/** The namespaces of the installation, without those that do not exist. */
async function namespacesOf(client: Client, { namespaces }: Extent): Promise<Namespace[]> {
  if (namespaces.length === 0) return listAll<Namespace>(client, resources.namespaces);
  const found = await Promise.all(
    namespaces.map((name) =>
      client.get(resources.namespaces, { name }).catch((error) => {
        if (isNotFound(error)) return undefined;
        throw error;
      }),
    ),
  );
  return found.filter((it) => it !== undefined);
}

/** `now` is the API server's time where possible, because the times in objects come from its clock. */
async function serverOf({ client, clock }: ObserveOptions): Promise<{ version: string; now: number }> {
  const { status, headers, body } = await client.request('GET', '/version');
  const { gitVersion } = (body ?? {}) as { gitVersion?: string };
  if (status !== 200 || !gitVersion) throw new Error(`GET ${client.server}/version answers HTTP ${status}`);
  const date = Date.parse(String(headers.date ?? ''));
  return { version: gitVersion, now: Number.isNaN(date) ? clock.now() : date };
}

async function definitionsOf(client: Client, { parts }: Extent): Promise<Observation['definitions']> {
  const names = kindsOf(parts).map(({ plural, group }) => `${plural}.${group}`);
  const found = await Promise.all(
    names.map((name) => attempt(() => client.get(resources.definitions, { name }))),
  );
  return new Map(names.map((name, index) => [name, found[index]!]));
}

async function serviceOf(
  client: Client,
  configurations: Pick<Observation, 'mutating' | 'validating'>,
): Promise<Observation['service']> {
  const named = entriesOf(configurations).find(({ clientConfig }) => clientConfig.service);
  if (!named) return undefined;
  const { namespace, name } = named.clientConfig.service!;
  const [object, endpoints] = await Promise.all([
    attempt(() => client.get(resources.services, { namespace, name })),
    attempt(() =>
      listAll(client, resources.endpointSlices, {
        namespace,
        labelSelector: `kubernetes.io/service-name=${name}`,
      }),
    ),
  ]);
  return { name: `${namespace}/${name}`, object, endpoints };
}

/** The Deployments of our workloads have the same label. They also have an owner, so leave out those with one. */
async function ownDeployments(client: Client, namespace: string): Promise<OwnDeployment[]> {
  const label = 'app.kubernetes.io/part-of';
  const labelSelector = `${label}=${partOfLabels[label]}`;
  const found = await listAll(client, resources.deployments, { namespace, labelSelector });
  return found.filter(({ metadata }) => !metadata.ownerReferences?.length);
}

async function podsOf(client: Client, namespace: string, deployments: OwnDeployment[]): Promise<Pod[]> {
  const selectors = deployments.map(({ spec }) => Object.entries(spec.selector?.matchLabels ?? {}));
  const found = await Promise.all(
    selectors
      .filter((labels) => labels.length > 0)
      .map((labels) => labels.map(([name, value]) => `${name}=${value}`).join(','))
      .map((labelSelector) => listAll(client, resources.pods, { namespace, labelSelector })),
  );
  return found.flat();
}

async function stuckIn(client: Client, namespaces: Namespace[]): Promise<StuckObject[]> {
  const going = namespaces.filter(({ metadata }) => metadata.deletionTimestamp);
  const found = going.flatMap(({ metadata: { name: namespace } }) =>
    saleKinds.map(async (kind) => {
      const items = await listAll(client, kind as Resource, { namespace });
      return items
        .filter(({ metadata }) => metadata.finalizers?.includes(inUseFinalizer))
        .map(({ metadata: { name, finalizers = [] } }) => {
          return { plural: kind.plural, group: kind.group, namespace, name, finalizers };
        });
    }),
  );
  return (await Promise.all(found)).flat();
}

const readLease = (client: Client, { namespace, lease }: Expectations): Promise<Seen<Lease>> =>
  attempt(() => client.get(leaseResource, { namespace, name: lease }));

/** Reads goods, orders or the lease a second time, if the first read saw a problem that may be gone in a moment. */
async function readAgain(
  { client, clock, expected, lookAgainMs }: ObserveOptions & { expected: Expectations },
  first: Pick<Observation, 'goods' | 'orders' | 'lease' | 'now'>,
): Promise<Pick<Observation, 'goods' | 'orders' | 'lease' | 'leaseMoves' | 'steady'>> {
  const { goods, orders, lease } = first;
  const suspects = isSeen(goods) && isSeen(orders) ? miscounts(goods.value, orders.value) : [];
  const isLeaseExpired = isSeen(lease) && hasRunOut(first);
  const unchangedFirst = { goods, orders, lease, leaseMoves: false, steady: new Set<string>() };
  if (suspects.length === 0 && !isLeaseExpired) return unchangedFirst;
  await sleep(clock, lookAgainMs);
  const later = isLeaseExpired ? await readLease(client, expected) : lease;
  const leaseMoves = JSON.stringify(valueIn(later)?.spec) !== JSON.stringify(valueIn(lease)?.spec);
  if (suspects.length === 0) return { ...unchangedFirst, lease: later, leaseMoves };
  const [goodsAfter, ordersAfter] = await Promise.all([
    attempt(() => listIn<SpikeGoods>(client, SpikeGoods, expected)),
    attempt(() => listIn<SpikeOrder>(client, SpikeOrder, expected)),
  ]);
  const versions = new Map(suspects.map((it) => [keyOf(it.goods), it.goods.metadata.resourceVersion]));
  const unchanged = miscounts(valueIn(goodsAfter) ?? [], valueIn(ordersAfter) ?? []).filter(
    (it) => versions.get(keyOf(it.goods)) === it.goods.metadata.resourceVersion,
  );
  const steady = new Set(unchanged.map((it) => keyOf(it.goods)));
  return { goods: goodsAfter, orders: ordersAfter, lease: later, leaseMoves, steady };
}
