// docs/kubectl.md's rows on the sandbox, with each kubectl this machine has. Half a minute each, so only where
// SPIKEGATE_LONG_TESTS is set; kubectl.test.ts has the heart of it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { open } from './harness.ts';
import { kubectls } from './kubectl/found.ts';
import { play } from './kubectl/play.ts';

const skip = process.env.SPIKEGATE_LONG_TESTS ? false : 'SPIKEGATE_LONG_TESTS is not set';

for (const { kubectl, minor } of skip ? [] : await kubectls()) {
  test(`kubectl 1.${minor} as in docs/kubectl.md`, async (t) => {
    const { sandbox } = await open(t, { workloads: { readyAfterMs: 50 } });
    const verdicts = await play({ kubectl, kubeconfig: sandbox.kubeconfig });
    const wrong = verdicts.filter(({ result }) => result !== 'ok');
    assert.deepEqual(
      wrong.map(({ row, result }) => `${row.command}: ${result}`),
      [],
    );
  });
}
if (skip) test('kubectl as in docs/kubectl.md', { skip }, () => {});
