// Every refusal as a person meets it: with kubectl, and the exact text that it shows.
import assert from 'node:assert/strict';
import { stringify } from 'yaml';
import { SpikeOrder } from '../../../src/api/spike-order.ts';
import { ApiError } from '../../../src/kube/errors.ts';
import { exactly, filledIn, kubectlShows, type RefusalCase, refusals, type Step } from '../../refusals.ts';
import { eventually, refused, resourceOf, type World } from '../world.ts';
import type { Scenario } from './scenario.ts';

const atOnce = 6;
const paymentWindowMs = 2000;
/** What was just created is in every replica's cache by then; a rule that reads caches needs it there. */
const cacheLagMs = 300;

const reachable = refusals.filter((row) => !row.contractOnly && !row.setup.some((step) => 'bypass' in step));
const waits = (row: RefusalCase) => row.setup.some((step) => 'wait' in step);

export const refusalTable: Scenario[] = [
  {
    name: 'every refusal says exactly what its row in the table says',
    run: (world) =>
      runRows(
        world,
        reachable.filter((row) => !waits(row)),
        '10m',
      ),
  },
  {
    name: 'every refusal after the payment window says exactly what its row says',
    run: (world) => runRows(world, reachable.filter(waits), `${paymentWindowMs}ms`),
  },
  { name: 'what the schema refuses, the API server refuses', run: refusedBySchema },
];

/** What the CRD's schema refuses, and of which field. The API server's words differ from version to version. */
const bySchema: [what: string, change: object, field: string][] = [
  ['a quantity below 1', { goodsMap: { goods1: 0 } }, 'spec.goodsMap.goods1'],
  ['a quantity that is no whole number', { goodsMap: { goods1: 1.5 } }, 'spec.goodsMap.goods1'],
  ['no buyer', { buyerId: undefined }, 'spec.buyerId'],
  ['no goods', { goodsMap: {} }, 'spec.goodsMap'],
];

async function refusedBySchema(world: World): Promise<void> {
  await world.serve(1, { 'payment-window': '10m' });
  const namespace = await world.namespace();
  for (const [what, change, field] of bySchema) {
    const { apiVersion, kind } = SpikeOrder;
    const spec = { buyerId: 'buyer1', goodsMap: { goods1: 1 }, ...change };
    const said = await refused(
      world.client.create(SpikeOrder, { apiVersion, kind, metadata: { name: 'order1', namespace }, spec }),
    );
    assert.equal(said.reason, 'Invalid', what);
    // 1.37 names the object as a whole besides.
    const fields = said.details.causes?.map((cause) => cause.field) ?? [];
    assert.ok(fields.includes(field), `${what}: ${said.message}`);
  }
}

async function runRows(world: World, rows: readonly RefusalCase[], window: string): Promise<void> {
  assert.ok(rows.length > 0);
  await world.serve(1, { 'payment-window': window });
  const wrong: string[] = [];
  const queue = [...rows];
  const worker = async () => {
    for (let row = queue.shift(); row; row = queue.shift()) {
      const { said, expected } = await tryRow(world, row);
      if (!exactly(expected).test(said))
        wrong.push(`${row.name}\n  expected ${expected}\n  got      ${said}`);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  assert.deepEqual(wrong, []);
}

async function tryRow(world: World, row: RefusalCase): Promise<{ said: string; expected: string }> {
  const namespace = await world.namespace();
  const stored = (kind: string, name: string) => world.client.get(resourceOf(kind), { namespace, name });
  for (const step of row.setup) {
    if ('wait' in step) await pause(paymentWindowMs + 500);
    else {
      const filled = await filledIn(step, stored);
      await eventually(async () => assert.equal(await attempt(world, namespace, filled, false), undefined));
    }
  }
  await pause(cacheLagMs);
  const filled = await filledIn(row, stored);
  const said = (await attempt(world, namespace, filled.action, true)) ?? 'nothing: it was accepted';
  await letGo(world, namespace, row.setup);
  return { said, expected: kubectlShows(filled) };
}

/** What the table has kept back by a finalizer of somebody else would stay for ever, in the way of other scenarios. */
async function letGo(world: World, namespace: string, setup: readonly Step[]): Promise<void> {
  for (const step of setup) {
    if (!('create' in step) || !step.create.metadata.finalizers) continue;
    const resource = resourceOf(step.create.kind);
    const key = { namespace, name: step.create.metadata.name! };
    await eventually(async () => {
      if (await world.isGone(resource, namespace, key.name)) return;
      const { finalizers = [] } = (await world.client.get(resource, key)).metadata;
      const left = finalizers.filter((name) => !step.create.metadata.finalizers!.includes(name));
      if (left.length === finalizers.length) return;
      await world.client.patch(resource, key, { metadata: { finalizers: left } }, { type: 'merge' });
    });
  }
}

/**
 * What kubectl has done once to set a row up. The same step of another row is a call of the API: a process of its own
 * for each buyer and each goods would be most of what this table costs.
 */
const typed = new Set<string>();

/** Linux gives a process no argument of more than 128 KiB, and a patch is one. */
const longestArgument = 127 * 1024;

/** Undefined when it succeeded, else what kubectl says. The table's steps are what a person would type. */
async function attempt(
  world: World,
  namespace: string,
  step: Step,
  isAction: boolean,
): Promise<string | undefined> {
  if ('status' in step) {
    const { kind, name, with: status } = step.status;
    const key = { namespace, name };
    await world.client.patch(resourceOf(kind), key, { status }, { type: 'merge', subresource: 'status' });
    return undefined;
  }
  const text = JSON.stringify(step);
  if (text.length < longestArgument && (isAction || !typed.has(text))) {
    const ran = await world.kubectl(...command(namespace, step));
    if (ran?.code === 0) typed.add(text);
    if (ran) return ran.code === 0 ? undefined : ran.stderr.trim();
  }
  // kubectl did this before, or there is none: the API itself, and the words kubectl would put around its answer.
  try {
    await call(world, namespace, step);
    return undefined;
  } catch (error) {
    if (isAction && error instanceof ApiError) return asKubectl(step, error);
    return (error as Error).message;
  }
}

function command(namespace: string, step: Step): [string[], string?] {
  const common = ['--namespace', namespace];
  if ('create' in step) return [[...common, 'create', '-f', '-'], stringify(step.create)];
  if ('patch' in step) {
    const { kind, name, with: change } = step.patch;
    return [[...common, 'patch', kind, name, '--type', 'merge', '--patch', JSON.stringify(change)]];
  }
  if ('delete' in step) return [[...common, 'delete', step.delete.kind, step.delete.name, '--wait=false']];
  throw new Error(`not a step of kubectl: ${JSON.stringify(step)}`);
}

async function call(world: World, namespace: string, step: Step): Promise<void> {
  if ('create' in step) {
    const metadata = { ...step.create.metadata, namespace };
    await world.client.create(resourceOf(step.create.kind), { ...step.create, metadata });
  } else if ('patch' in step) {
    const { kind, name, with: change } = step.patch;
    await world.client.patch(resourceOf(kind), { namespace, name }, change, { type: 'merge' });
  } else if ('delete' in step) {
    await world.client.delete(resourceOf(step.delete.kind), { namespace, name: step.delete.name });
  }
}

/** kubectl's checkErr: of what is Invalid it shows the causes, of everything else the message. */
function asKubectl(step: Step, { reason, message, details }: ApiError): string {
  const { kind, name, causes = [] } = details;
  if (reason === 'Invalid' && kind && causes.length > 0) {
    const said = causes.map((cause) => `${cause.field}: ${cause.message}`).join('\n* ');
    return `The ${kind} "${name}" is invalid: ${said}`;
  }
  return `Error from server (${reason}): ${'create' in step ? 'error when creating "STDIN": ' : ''}${message}`;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
