// The sale that the README plays, by its own files and commands.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type Lab, samples } from './harness.ts';

export async function playReadme(lab: Lab, t: { after(hook: () => Promise<void>): void }): Promise<void> {
  const namespace = await lab.namespace(t);
  const inShop = ['--namespace', namespace];
  await lab.kubectl(['create', ...inShop, '-f', join(samples, 'sale.yaml')]);
  const tooMany = lab.kubectl(['create', ...inShop, '-f', join(samples, 'sold-out')]);
  await assert.rejects(tooMany, /InsufficientStock.*requested 2, available 1/s);
  await assert.rejects(lab.kubectl(['delete', 'buyer', 'buyer1', ...inShop]), /referenced by 2 orders/);
  const pay = ['--type', 'merge', '-p', '{"spec":{"isPay":true}}'];
  await lab.kubectl(['patch', 'spikeorder', 'order1', ...inShop, ...pay]);
  const paid = '--for=jsonpath={.status.phase}=Paid';
  await lab.kubectl(['wait', paid, 'spikeorder', '--all', ...inShop, '--timeout=30s']);
  assert.deepEqual(await lab.assertBooks(namespace), { orders: 2, units: 4 });
}
