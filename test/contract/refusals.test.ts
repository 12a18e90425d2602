// Every refusal: the same rows that the end-to-end tests run with kubectl, through supertest.
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { type RefusalReason, refusalCodes } from '../../src/api/refusals.ts';
import type { KubeObject } from '../../src/kube/objects.ts';
import { registry } from '../../webhooks/registry.ts';
import type { Rule, Webhooks } from '../../webhooks/webhook.ts';
import { exactly, filledIn, type RefusalCase, refusals, withoutField } from '../refusals.ts';
import { World } from './world.ts';

/** Another replica may have a payment window as long as this. */
const dayMs = 86_400_000;

/** Rules that refused something in this run, as `SpikeOrder CREATE 3`. */
const refused = new Set<string>();
const watched = registry.map(watch);

describe('refusals', () => {
  for (const row of refusals) it(row.name, () => check(row));

  after(() => {
    const reasons = new Set(refusals.map((row) => row.reason));
    const reasonsWithoutRow = Object.keys(refusalCodes).filter((it) => !reasons.has(it as RefusalReason));
    assert.deepEqual(reasonsWithoutRow, [], 'every reason has a row');
    const rulesWithoutRow = [...rulesOf(registry)].filter((rule) => !refused.has(rule));
    assert.deepEqual(rulesWithoutRow, [], 'every rule has a row');
    assert.equal(new Set(refusals.map((row) => row.name)).size, refusals.length, 'names are unique');
  });
});

async function check(asked: RefusalCase): Promise<void> {
  await using world = new World({ registry: watched });
  for (const step of asked.setup) {
    const outcome = await world.run(step);
    assert.notEqual(
      outcome?.response.allowed,
      false,
      `${JSON.stringify(step)}: ${outcome?.response.status?.message}`,
    );
  }
  const row = await filledIn(asked, (kind, name) => world.get(kind, name));
  const before = everything(world);
  const asking = world.run(row.action);
  if (row.reason === 'TooManyRequests') await passTime(world, asking);
  const outcome = await asking;
  assert.ok(outcome);
  const { allowed, status, auditAnnotations, patch, warnings } = outcome.response;
  assert.equal(allowed, false, 'refused');
  assert.ok(status);
  assert.match(status.message, exactly(row.message));
  assert.equal(status.message, withTimes(row.message, world, status.message));
  assert.equal(status.reason, row.reason);
  assert.equal(status.code, refusalCodes[row.reason]);
  assert.deepEqual(auditAnnotations, { reason: row.reason });
  assert.equal(patch, undefined);
  assert.equal(warnings, undefined);
  const causes = row.field
    ? [{ reason: row.reason, field: row.field, message: withoutField(status.message, row.field) }]
    : undefined;
  assert.deepEqual(status.details?.causes, causes);
  assert.equal(status.details?.retryAfterSeconds, refusalCodes[row.reason] === 429 ? 1 : undefined);
  // A refusal leaves the world as it was: no hold, no status, no object.
  assert.deepEqual(everything(world), before);
  assert.equal(world.panics, 0);
}

/** An order of units that are held waits in line first, on the simulated clock; the request itself is real. */
async function passTime(world: World, asking: Promise<unknown>): Promise<void> {
  let isAnswered = false;
  const note = () => {
    isAnswered = true;
  };
  asking.then(note, note);
  while (!isAnswered) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    await world.clock.advance(world.clock.untilNext ?? 0);
  }
}

const everything = (world: World) =>
  ['SpikeGoods', 'SpikeOrder', 'Buyer', 'Seller', 'ElasticWeb', 'ImoocPod'].map((kind) => world.all(kind));

/** The message with the times that this world knows. */
function withTimes(message: string, world: World, said: string): string {
  const iso = (ms: number) => new Date(ms).toISOString();
  const created = world.get('SpikeOrder', 'order1')?.spec;
  return message
    .replace('<now>', iso(world.clock.now()))
    .replace('<created>', created?.createTime)
    .replace('<deadline>', created?.expiredTime ?? iso(world.clock.now() + dayMs + 5000))
    .replace('<windowEnd>', iso(world.clock.now() + world.paymentWindowMs))
    .replace('<id>', created?.orderId ?? said);
}

/** The same webhooks, with a note of every rule that refuses. */
function watch(webhooks: Webhooks<KubeObject>): Webhooks<KubeObject> {
  const { CREATE, UPDATE, DELETE } = webhooks.rules;
  const noted = (operation: string, rules: readonly Rule<KubeObject>[]) =>
    rules.map(
      (rule, index): Rule<KubeObject> =>
        (call) => {
          const refusal = rule(call);
          if (refusal) refused.add(`${webhooks.kind.kind} ${operation} ${index} ${rule.name}`);
          return refusal;
        },
    );
  const rules = {
    CREATE: noted('CREATE', CREATE),
    UPDATE: noted('UPDATE', UPDATE),
    DELETE: noted('DELETE', DELETE),
  };
  return { ...webhooks, rules };
}

function* rulesOf(all: typeof registry): Generator<string> {
  for (const { kind, rules } of all) {
    for (const [operation, list] of Object.entries(rules)) {
      for (const [index, rule] of list.entries()) yield `${kind.kind} ${operation} ${index} ${rule.name}`;
    }
  }
}
