// The second question of one deletion. kube-apiserver asks again about the stored object when its cache was behind; the
// finalizer that the first question put on must not look like one that was there before.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Buyer } from '../../../src/api/buyer.ts';
import type { Kind } from '../../../src/api/define-kind.ts';
import { inUseFinalizer } from '../../../src/api/names.ts';
import type { KubeObject } from '../../../src/kube/objects.ts';
import { marked } from '../../../webhooks/shared-rules.ts';
import type { Call } from '../../../webhooks/webhook.ts';

const now = Date.parse('2026-01-01T00:00:10.400Z');

/** What admission says to a deletion, and how many times the object was marked. */
async function asked(time?: string) {
  let marks = 0;
  const managedFields = time
    ? [{ time, fieldsV1: { 'f:metadata': { 'f:finalizers': { [`v:"${inUseFinalizer}"`]: {} } } } }]
    : [];
  const finalizers = time ? [inUseFinalizer] : [];
  const call = {
    ...{ namespace: 'shop', now, deadline: 0 },
    object: { metadata: { name: 'b', namespace: 'shop', finalizers, managedFields } },
    request: { operation: 'DELETE', name: 'b', userInfo: { username: 'alice' } },
    context: {
      catalogue: { isTerminating: () => false },
      live: { markInUse: async () => void marks++ },
    },
  };
  const refusal = await marked(Buyer as Kind, call as unknown as Call<KubeObject>, false);
  return { reason: refusal?.reason, marks };
}

test('the first question marks the object and is refused', async () => {
  assert.deepEqual(await asked(), { reason: 'TooManyRequests', marks: 1 });
});

test('the second question of the same deletion is refused as well', async () => {
  assert.deepEqual(await asked('2026-01-01T00:00:10Z'), { reason: 'TooManyRequests', marks: 0 });
  assert.deepEqual(await asked('2026-01-01T00:00:09Z'), { reason: 'TooManyRequests', marks: 0 });
});

test('the next deletion passes, and waits for the finalizer', async () => {
  assert.deepEqual(await asked('2026-01-01T00:00:08Z'), { reason: undefined, marks: 0 });
});
