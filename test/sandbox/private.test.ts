// What the sandbox keeps on the disk is its owner's: keys, tokens and every Secret are in it.
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { startSandbox } from '../../src/sandbox/index.ts';

const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8);

it('is in a folder and files that nobody else may read, also where an earlier version made them', async () => {
  const above = await mkdtemp(join(tmpdir(), 'spikegate-private-'));
  const dir = join(above, '.spikegate');
  const look = () => {
    assert.equal(modeOf(dir), '700');
    const files = readdirSync(dir);
    assert.ok(files.some((it) => it.startsWith('state.db')));
    for (const file of files) assert.equal(modeOf(join(dir, file)), '600', file);
  };
  try {
    const first = await startSandbox({ dir });
    look();
    await first.stop();
    chmodSync(dir, 0o755);
    for (const file of readdirSync(dir)) chmodSync(join(dir, file), 0o644);
    const second = await startSandbox({ dir });
    for (const file of readdirSync(dir).filter((it) => it.startsWith('state.db'))) {
      assert.equal(modeOf(join(dir, file)), '600', file);
    }
    assert.equal(modeOf(dir), '700');
    await second.stop();

    const shared = join(above, 'shared');
    mkdirSync(shared, { mode: 0o755 });
    const third = await startSandbox({ dir: shared });
    await third.stop();
    assert.equal(modeOf(shared), '755', 'a folder that was there keeps its mode');
  } finally {
    await rm(above, { recursive: true, force: true });
  }
});
