// What `npm run build` makes serves the same page: tsc copies no style and no script, so the build must.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readAssets } from '../../src/board/assets.ts';

const root = join(import.meta.dirname, '..', '..');

test('dist/ has every file of the page, as it is in src/', { timeout: 240_000 }, async () => {
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const built = spawnSync(npm, ['run', '--silent', 'build'], { cwd: root, encoding: 'utf8' });
  assert.equal(built.status, 0, built.stdout + built.stderr);
  const assets = join(root, 'dist', 'src', 'board', 'assets.js');
  assert.ok(existsSync(assets));
  const inDist: { readAssets: typeof readAssets } = await import(assets);
  const served = inDist.readAssets();
  const source = readAssets();
  assert.deepEqual([...served.keys()].sort(), [...source.keys()].sort());
  for (const [name, { tag }] of source) assert.equal(served.get(name)?.tag, tag, name);
  assert.ok(source.size >= 5);
});
