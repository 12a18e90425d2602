import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { toolsOf, versionIn } from '../go-modules/build.ts';
import { builtMinors, minorNamed, minorOf, newest, oldestMinor } from './versions.ts';

test('what is built is the newest and the oldest supported version', () => {
  assert.equal(builtMinors[0], newest);
  assert.equal(builtMinors.at(-1), `1.${oldestMinor}`);
});

test('each version has a module that pins it, each of its parts and the same programs', () => {
  for (const minor of builtMinors) {
    const goMod = readFileSync(join(import.meta.dirname, 'modules', `kubernetes-${minor}`, 'go.mod'), 'utf8');
    const version = versionIn(goMod, 'k8s.io/kubernetes');
    assert.equal(version.split('.').slice(0, 2).join('.'), `v${minor}`);
    const parts = [...goMod.matchAll(/^\t(k8s\.io\/[a-z-]+) => (\S+) (\S+)$/gm)];
    assert.ok(parts.length > 20);
    for (const [, from, to, partVersion] of parts) {
      assert.equal(to, from);
      assert.equal(partVersion, version.replace('v1.', 'v0.'));
    }
    assert.deepEqual(
      toolsOf(goMod).map((tool) => tool.split('/').at(-1)),
      ['kube-apiserver', 'kube-controller-manager', 'kube-proxy', 'kube-scheduler', 'kubectl', 'kubelet'],
    );
  }
});

test('a version that is not built, or not a version, is refused by name', () => {
  assert.equal(minorNamed('1.31'), '1.31');
  assert.throws(() => minorNamed('1.20'), /must be 1\.37 or 1\.31, got 1\.20/);
  assert.equal(minorOf('v1.34.0-rc.1'), 34);
  assert.throws(() => minorOf('v0.0'), /got v0\.0/);
});
