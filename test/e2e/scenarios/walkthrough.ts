// The original's demonstration, step by step, with the numbers of its screenshots:
// once with orders that name goods and buyer by object name, once by generated id.
import assert from 'node:assert/strict';
import { orderManifest, saleManifest } from '../sale.ts';
import { eventually, refused, type World } from '../world.ts';
import type { Scenario } from './scenario.ts';

const flags = { 'payment-window': '3s' };

export const walkthrough: Scenario[] = [
  { name: 'the original walkthrough, by name', run: (world) => walk(world, false) },
  { name: 'the original walkthrough, by generated id', run: (world) => walk(world, true) },
];

async function walk(world: World, byId: boolean): Promise<void> {
  await world.serve(1, flags);
  const namespace = await world.namespace();
  await world.create(namespace, saleManifest({ stock: 5, price: 10, spikePrice: 8 }));
  const goodsId = (await world.goods(namespace, 'goods1')).spec.goodsId;
  const buyerId = (await world.buyer(namespace, 'buyer1')).spec.buyerId;
  assert.ok(goodsId && buyerId);
  const order = (name: string, quantity: number, isPay?: boolean) =>
    world.create(
      namespace,
      orderManifest({
        name,
        buyer: byId ? buyerId : 'buyer1',
        goods: { [byId ? goodsId : 'goods1']: quantity },
        ...(isPay === undefined ? {} : { isPay }),
      }),
    );

  // Unpaid ×2: remaining 3, money 16, discount 4.
  await order('order1', 2);
  await stock(world, namespace, { left: 3, num: 0 });
  const unpaid = await inPhase(world, namespace, 'order1', 'Unpaid');
  assert.equal(unpaid.status?.money, 16);
  assert.equal(unpaid.status?.discount, 4);
  assert.equal(unpaid.status?.payStatus, '0');
  assert.equal(unpaid.status?.receiver, 'zhangsan');
  assert.equal(unpaid.status?.address, 'Beijing');
  assert.equal(Date.parse(unpaid.spec.expiredTime!) - Date.parse(unpaid.spec.createTime!), 3000);

  // After the deadline: remaining 5; the order stays in the buyer's list; it cannot be paid any more.
  const expired = await inPhase(world, namespace, 'order1', 'Expired');
  assert.equal(expired.status?.payStatus, '2');
  await stock(world, namespace, { left: 5, num: 0 });
  const late = await refused(world.pay(namespace, 'order1'));
  assert.equal(late.reason, 'OrderExpired');
  await eventually(async () => {
    const { status } = await world.buyer(namespace, 'buyer1');
    assert.deepEqual(status?.orderList, [expired.spec.orderId]);
    assert.equal(status?.spendMoney, 0);
  });

  // Paid at once ×2: remaining 3, num 2, spendMoney 16, salesMoney 16.
  await order('order2', 2, true);
  const paid = await inPhase(world, namespace, 'order2', 'Paid');
  assert.equal(paid.status?.expiredTime, undefined);
  assert.equal(paid.status?.payTime, paid.spec.payTime);
  await stock(world, namespace, { left: 3, num: 2 });
  await totals(world, namespace, { orders: 2, money: 16 });

  // Paid later ×1: remaining 2, num 3, spendMoney 24, salesMoney 24.
  await order('order3', 1);
  await inPhase(world, namespace, 'order3', 'Unpaid');
  await world.pay(namespace, 'order3');
  const later = await inPhase(world, namespace, 'order3', 'Paid');
  assert.equal(later.status?.payStatus, '1');
  assert.equal(later.status?.expiredTime, undefined);
  await stock(world, namespace, { left: 2, num: 3 });
  await totals(world, namespace, { orders: 3, money: 24 });
}

async function inPhase(world: World, namespace: string, name: string, phase: string) {
  return eventually(async () => {
    const order = await world.order(namespace, name);
    assert.equal(order.status?.phase, phase);
    return order;
  });
}

async function stock(
  world: World,
  namespace: string,
  expected: { left: number; num: number },
): Promise<void> {
  await eventually(async () => {
    const { status } = await world.goods(namespace, 'goods1');
    assert.deepEqual({ left: status?.lastStockCount, num: status?.num }, expected);
  });
}

async function totals(
  world: World,
  namespace: string,
  expected: { orders: number; money: number },
): Promise<void> {
  await eventually(async () => {
    const buyer = await world.buyer(namespace, 'buyer1');
    const seller = await world.seller(namespace, 'seller1');
    assert.equal(buyer.status?.orderList?.length, expected.orders);
    assert.equal(buyer.status?.spendMoney, expected.money);
    assert.equal(seller.status?.salesMoney, expected.money);
    assert.equal(seller.status?.sellerGoodsList?.length, 1);
  });
}
