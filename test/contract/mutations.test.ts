// A thousand damaged reviews: each is answered clearly, none takes the process or makes a rule throw, and
// nothing of them stays in memory. SPIKEGATE_SEED repeats a run, SPIKEGATE_MUTATIONS makes it longer.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { it } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { formatHolds, holdsOf } from '../../src/api/holds.ts';
import { mutatePath, registry, validatePath } from '../../webhooks/registry.ts';
import { buyer, goods, idOf, order, seller } from '../refusals/scenario.ts';
import { Random } from '../simulation/random.ts';
import { damaged } from './mutations.ts';
import { type ReviewOptions, review } from './reviews.ts';
import { kindOf, merge, type Thing } from './things.ts';
import { at, minute, World } from './world.ts';

const seed = Number(process.env.SPIKEGATE_SEED ?? 20260101);
const count = Number(process.env.SPIKEGATE_MUTATIONS ?? 1000);
/** So many in a world before it is left for a new one: what holds they took goes with it. */
const perWorld = 100;

const paths = registry.flatMap(({ kind }) => [mutatePath(kind), validatePath(kind)]);

const folder = new URL('./recorded/', import.meta.url);
const recorded: { path: string; review: object }[] = readdirSync(folder)
  .filter((name) => name.endsWith('.json'))
  .map((name) => JSON.parse(readFileSync(new URL(name, folder), 'utf8')));

/** Valid reviews of every kind and operation about what is in the world, and the recorded ones. */
function seeds(world: World): { path: string; review: object }[] {
  const about = (options: Omit<ReviewOptions, 'kind'> & { kind: string }) => {
    const kind = kindOf(options.kind);
    const asked = review({ ...options, kind });
    const both = [mutatePath(kind), validatePath(kind)];
    return both.map((path) => ({ path, review: asked }));
  };
  const things = ['SpikeGoods', 'SpikeOrder', 'Buyer', 'Seller'].flatMap((kind) => world.all(kind));
  const ours = things.flatMap((object) => {
    const { kind } = object;
    const labelled = merge(object, { metadata: { labels: { a: 'b' } } });
    const changed = merge(object, { spec: { stockCount: 9, isPay: true, address: 'x', sellerPhone: '1' } });
    const status = merge(object, { status: { num: 1, holds: [], phase: 'Paid' } });
    const fresh = merge(object, {
      metadata: { name: `${object.metadata.name}x`, uid: `1${object.metadata.uid.slice(1)}` },
    });
    return [
      ...about({ kind, operation: 'CREATE', object: fresh }),
      ...about({ kind, operation: 'CREATE', object: merge(fresh, { metadata: { uid: null, name: null } }) }),
      ...about({ kind, operation: 'UPDATE', object: labelled, oldObject: object }),
      ...about({ kind, operation: 'UPDATE', object: changed, oldObject: object }),
      ...about({ kind, operation: 'UPDATE', object: status, oldObject: object, subResource: 'status' }),
      ...about({ kind, operation: 'DELETE', oldObject: object }),
    ];
  });
  return [...ours, ...recorded.map(({ path, review }) => ({ path: path.replace(/\?.*/, ''), review }))];
}

async function shop(): Promise<World> {
  const world = new World();
  const spec = { sellerId: 'seller1', stockCount: 1000 };
  const orders = [order(), order('paid', { isPay: true }), order('byid', { goodsMap: { [idOf.goods]: 1 } })];
  for (const create of [seller(), buyer(), goods('goods1', spec), ...orders]) await world.run({ create });
  const hold = { uid: 'h', order: 'h', quantity: 1, time: at(minute) };
  await world.patchStatus('SpikeGoods', 'goods1', { num: 1, reserved: 1, holds: formatHolds([hold]) });
  return world;
}

const agent = new Agent({ keepAlive: true });

function post(world: World, path: string, body: string): Promise<{ code: number; text: string }> {
  const { port } = world.server.address() as AddressInfo;
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json' };
    const call = request({ port, host: '127.0.0.1', path, method: 'POST', headers, agent }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () => resolve({ code: response.statusCode ?? 0, text }));
    });
    call.on('error', reject);
    call.end(body);
  });
}

/** What must be true of every answer, whatever was asked. Says what it was: an answer to the review, or a Status. */
function judge(sent: string, code: number, text: string): 'allowed' | 'denied' | 'no review' | 'bad' {
  const answer = JSON.parse(text);
  if (code !== 200) {
    assert.ok(code >= 400 && code < 500, text);
    assert.equal(answer.kind, 'Status');
    assert.equal(answer.code, code);
    assert.ok(answer.message.length > 10 && answer.message.length < 1000, answer.message);
    return 'no review';
  }
  const asked = JSON.parse(sent);
  assert.equal(answer.kind, 'AdmissionReview');
  assert.equal(answer.apiVersion, 'admission.k8s.io/v1');
  const { uid, allowed, status, patch, patchType } = answer.response;
  assert.equal(uid, asked.request.uid);
  if (patch) {
    assert.equal(patchType, 'JSONPatch');
    assert.ok(Array.isArray(JSON.parse(Buffer.from(patch, 'base64').toString())));
  }
  if (allowed) return 'allowed';
  assert.equal(status.status, 'Failure');
  assert.ok(status.code >= 400 && status.code < 500, text.slice(0, 1000));
  assert.ok(status.message.length > 10 && status.message.length < 3000, status.message.slice(0, 3000));
  return status.code === 400 ? 'bad' : 'denied';
}

function checkStock(world: World): void {
  for (const { spec, status } of world.all('SpikeGoods') as Thing[]) {
    assert.ok(status.lastStockCount >= 0 && status.lastStockCount <= spec.stockCount);
    assert.deepEqual(
      formatHolds(holdsOf(status)),
      status.holds,
      'every stored text is of holds that can be read',
    );
    for (const hold of holdsOf(status)) assert.ok(Number.isInteger(hold.quantity) && hold.quantity >= 1);
  }
}

it(`${count} damaged reviews are answered, and forgotten (SPIKEGATE_SEED=${seed})`, async (t) => {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  const random = new Random(seed);
  const seen = { allowed: 0, denied: 0, 'no review': 0, bad: 0 };
  const heap: number[] = [];
  for (let done = 0; done < count; ) {
    await using world = await shop();
    const valid = seeds(world);
    for (let i = 0; i < perWorld && done < count; i++, done++) {
      const { path, review } = random.pick(valid);
      const body = damaged(review, random);
      const to = random.chance(0.05) ? random.pick(paths) : path;
      const { code, text } = await post(world, to, body);
      try {
        seen[judge(body, code, text)]++;
        assert.equal(world.panics, 0, 'a rule threw');
        checkStock(world);
      } catch (error) {
        t.diagnostic(`review ${done} of seed ${seed}, to ${to}: ${body.slice(0, 2000)} … ${body.length}`);
        throw error;
      }
    }
    collect();
    heap.push(process.memoryUsage().heapUsed);
  }
  agent.destroy();
  // The first worlds warm the machine up.
  const [warm = 0, last = 0] = [heap[Math.floor(heap.length / 2)], heap.at(-1)];
  const mebibytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  t.diagnostic(`${JSON.stringify(seen)}, heap ${mebibytes(warm)} half way, ${mebibytes(last)} at the end`);
  for (const [what, times] of Object.entries(seen)) assert.ok(times >= count / 50, `${what}: ${times}`);
  assert.ok(last - warm < 8 * 2 ** 20, 'memory stays flat');
});
