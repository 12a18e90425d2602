// Bodies that cost more than they say: half of one and silence, lists in lists, millions of tokens. Memory and the event
// loop are everybody's; a legitimate client orders meanwhile.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { connect, type TLSSocket } from 'node:tls';
import { sleep, systemClock } from '../../src/runtime/clock.ts';
import { budgetBytes } from '../../src/server/body-budget.ts';
import { review } from '../contract/reviews.ts';
import { order } from '../refusals/scenario.ts';
import { orderPaths, Shop, SpikeOrder } from './shop.ts';

const MiB = 1024 * 1024;

let shop: Shop;
let quiet: Awaited<ReturnType<Shop['sell']>>;
before(async () => {
  shop = await Shop.open();
  await shop.sell(100);
  quiet = await shop.sell(200);
});
after(() => shop[Symbol.asyncDispose]());

/** A request that says it has 7 MiB, sends six, and is silent. */
async function halfBody(): Promise<TLSSocket> {
  const socket = connect({ port: shop.port, host: '127.0.0.1', rejectUnauthorized: false });
  socket.on('error', () => undefined);
  await once(socket, 'secureConnect');
  socket.resume();
  socket.write(
    `POST ${orderPaths.validate} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${7 * MiB}\r\n\r\n`,
  );
  const piece = Buffer.alloc(MiB, ' ');
  for (let i = 0; i < 6 && !socket.destroyed; i++) {
    if (!socket.write(piece))
      await Promise.race([once(socket, 'drain'), sleep(systemClock, 500)]).catch(() => 0);
  }
  return socket;
}

describe('forty half bodies of 7 MiB', () => {
  it('never have more memory than the budget, and fail no legitimate order', async () => {
    const before = process.memoryUsage().arrayBuffers;
    let most = 0;
    const halves: TLSSocket[] = [];
    const attack = async () => {
      for (let i = 0; i < 40; i++) {
        halves.push(await halfBody());
        most = Math.max(most, shop.budget.used);
      }
    };
    const { failed } = await shop.sell(100, attack());
    assert.deepEqual(failed, []);
    assert.ok(most > 6 * MiB, `the attack arrived: ${most}`);
    assert.ok(shop.budget.used <= budgetBytes, `${shop.budget.used} bytes count`);
    // What counts is what there is: all that came is no longer there.
    const kept = process.memoryUsage().arrayBuffers - before;
    assert.ok(kept < 40 * 6 * MiB * 0.5, `${kept} bytes are kept of ${40 * 6 * MiB}`);
    for (const socket of halves) socket.destroy();
    await until(() => shop.budget.used === 0);
  });
});

describe('bodies that are small and parse to much', () => {
  const lists = `[${'[],'.repeat(2 * MiB - 10)}1]`;
  const deep = `${'['.repeat(3 * MiB)}${']'.repeat(3 * MiB)}`;
  const asked = review({ kind: SpikeOrder, operation: 'CREATE', object: { ...order(), odd: 'ODD' } });
  const within = (odd: string) => JSON.stringify(asked).replace('"ODD"', () => odd);

  it('are refused unread, and a legitimate order beside them waits no longer than a few of its own time', async () => {
    const bodies = [lists, deep, within(lists), within(deep)].map((text) => Buffer.from(text));
    const codes: number[] = [];
    const attack = async () => {
      for (let i = 0; i < 12; i++) codes.push((await shop.post(orderPaths.validate, bodies[i % 4]!)).code);
    };
    const { failed, longest } = await shop.sell(100, attack());
    assert.deepEqual(failed, []);
    assert.deepEqual(new Set(codes), new Set([400]));
    // One such body held the event loop for three to nine seconds: thousands of times a quiet order's p95.
    assert.ok(longest < quiet.p95 * 200, `longest ${longest} ms, p95 before ${quiet.p95} ms`);
  });

  it('as large as may be, they take turns', async () => {
    const text = within(`[${'1,'.repeat(140_000)}"${'x'.repeat(5 * MiB)}"]`);
    const attack = Promise.all(
      Array.from({ length: 4 }, async () => {
        const { code, text: said } = await shop.post(orderPaths.validate, text);
        assert.match(said, /413|too many request bodies/);
        return code;
      }),
    );
    const { failed } = await shop.sell(50, attack);
    assert.deepEqual(failed, []);
  });
});

async function until(condition: () => boolean): Promise<void> {
  for (let waited = 0; !condition(); waited += 10) {
    assert.ok(waited < 10_000, 'in time');
    await sleep(systemClock, 10);
  }
}
