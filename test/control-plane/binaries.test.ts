import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { explainNotFound, findBinaries } from './binaries.ts';

const root = mkdtempSync(join(tmpdir(), 'spikegate-binaries-'));
after(() => rmSync(root, { recursive: true }));

function fakes(dir: string, version: string, names: string[]): string {
  mkdirSync(dir, { recursive: true });
  for (const name of names) {
    writeFileSync(join(dir, name), `#!/bin/sh\necho Kubernetes ${version}\n`, { mode: 0o755 });
  }
  return dir;
}

const cacheOf = (home: string) => join(home, 'spikegate', 'control-plane');

test('KUBEBUILDER_ASSETS comes before the cache, and need not have a controller manager', async () => {
  const home = join(root, 'assets-first');
  const all = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kubectl'];
  fakes(join(cacheOf(home), 'v1.37.2'), 'v1.37.2', all);
  const assets = fakes(join(root, 'envtest'), 'v1.34.1', ['etcd', 'kube-apiserver', 'kubectl']);
  assert.deepEqual(await findBinaries({ XDG_CACHE_HOME: home, KUBEBUILDER_ASSETS: assets }), {
    version: 'v1.34.1',
    dir: assets,
    from: 'KUBEBUILDER_ASSETS',
    etcd: join(assets, 'etcd'),
    apiserver: join(assets, 'kube-apiserver'),
    kubectl: join(assets, 'kubectl'),
  });
});

test('the newest whole version of the cache is taken', async () => {
  const home = join(root, 'newest');
  for (const version of ['v1.31.9', 'v1.31.10']) {
    fakes(join(cacheOf(home), version), version, ['etcd', 'kube-apiserver', 'kube-controller-manager']);
  }
  fakes(join(cacheOf(home), 'v1.33.0'), 'v1.33.0', ['etcd']);
  fakes(join(cacheOf(home), 'tmp'), 'v9.9.9', ['etcd', 'kube-apiserver']);
  const found = await findBinaries({ XDG_CACHE_HOME: home });
  assert.ok(!('missing' in found));
  assert.equal(found.version, 'v1.31.10');
  assert.equal(found.from, 'cache');
});

test('a version too old to be supported is passed over', async () => {
  const home = join(root, 'too-old');
  fakes(join(cacheOf(home), 'v1.20.2'), 'v1.20.2', ['etcd', 'kube-apiserver']);
  assert.ok('missing' in (await findBinaries({ XDG_CACHE_HOME: home })));
});

test('SPIKEGATE_KUBERNETES asks for one minor version, wherever it is', async () => {
  const home = join(root, 'asked');
  for (const version of ['v1.37.2', 'v1.31.4']) {
    fakes(join(cacheOf(home), version), version, ['etcd', 'kube-apiserver', 'etcdutl']);
  }
  const assets = fakes(join(root, 'asked-envtest'), 'v1.34.1', ['etcd', 'kube-apiserver']);
  const versionFor = async (SPIKEGATE_KUBERNETES: string) => {
    const found = await findBinaries({
      XDG_CACHE_HOME: home,
      KUBEBUILDER_ASSETS: assets,
      SPIKEGATE_KUBERNETES,
    });
    return 'missing' in found ? found.looked.at(-1) : found.version;
  };
  assert.equal(await versionFor('1.31'), 'v1.31.4');
  assert.equal(await versionFor('1.34'), 'v1.34.1');
  assert.equal(await versionFor('1.33'), `${cacheOf(home)}/<version> of Kubernetes 1.33`);
});

test('when nothing is there, it says what is missing, where it looked and what to do', async () => {
  const home = join(root, 'empty');
  const assets = fakes(join(root, 'half'), 'v1.34.1', ['etcd', 'kubectl']);
  const found = await findBinaries({ XDG_CACHE_HOME: home, KUBEBUILDER_ASSETS: assets });
  assert.ok('missing' in found);
  assert.deepEqual(found.missing, ['kube-apiserver']);
  const text = explainNotFound(found);
  assert.ok(text.includes(`${assets} (KUBEBUILDER_ASSETS)`));
  assert.ok(text.includes(cacheOf(home)));
  assert.match(text, /npm run control-plane -- build/);
});
