// DataServices that come within a second of each other: creationTimestamp does not tell which was first, and the one
// that was is still making its children when the next one is looked at.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { DataService } from '../../src/api/data-service.ts';
import { Lab, soon } from './lab.ts';

const spec = { eureka: { image: 'shop/eureka:1.0' }, auth: { image: 'shop/auth:1.0' } };
const pairs = 20;

let lab: Lab;
before(async () => {
  lab = await Lab.open();
  await lab.lead();
});
after(() => lab.close());

test('of two DataServices of the same second exactly one has the plain names, and both come up', async () => {
  for (let pair = 0; pair < pairs; pair++) {
    const namespace = await lab.namespace();
    await lab.create(DataService, namespace, 'one', { spec });
    await lab.create(DataService, namespace, 'two', { spec });
    await soon(async () => {
      const { items } = await lab.client.list(DataService, { namespace });
      assert.equal(items.length, 2);
      for (const { status } of items)
        assert.equal(status?.phase, 'Ready', JSON.stringify(status?.conditions));
      assert.equal(items.filter(({ status }) => status?.namePrefix === '').length, 1);
    }, 10_000);
  }
});
