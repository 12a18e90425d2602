import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { after, test } from 'node:test';
import { buildGoModule, toolsOf, versionIn } from './build.ts';
import { GoUnusable } from './toolchain.ts';

const root = mkdtempSync(join(tmpdir(), 'spikegate-go-modules-'));
after(() => rmSync(root, { recursive: true }));

const goMod = `module spikegate.test/etcd

go 1.26.0

toolchain go1.27.3

tool (
	example.test/etcd/etcdctl/v3
	example.test/etcd/server/v3 // the server
)

require (
	example.test/etcd/etcdctl/v3 v3.7.3
	example.test/etcd/server/v3 v3.7.3 // indirect
)

replace example.test/etcd/api => example.test/etcd/api v3.7.2
`;

/** A module, a folder for its programs, and a `go` that counts its builds and writes each package's name. */
function world(name: string, version = 'go1.26.8') {
  const folder = join(root, name, 'module');
  const bin = join(root, name, 'bin');
  const out = join(root, name, 'out');
  for (const dir of [folder, bin]) mkdirSync(dir, { recursive: true });
  writeFileSync(join(folder, 'go.mod'), goMod);
  writeFileSync(join(folder, 'go.sum'), 'sums\n');
  const go = (text: string) => {
    writeFileSync(join(bin, 'go'), `#!/bin/sh\n${text}`);
    chmodSync(join(bin, 'go'), 0o755);
  };
  go(`case "$1" in
env) echo ${version} ;;
list) echo a; echo b ;;
build)
  env > ${bin}/env; echo "$@" > ${bin}/args; echo build >> ${bin}/builds
  while [ "$1" != -o ]; do shift; done
  out=$2; shift 2
  for package in "$@"; do echo "$package" > "$out$(basename "$(dirname "$package")")"; done ;;
esac`);
  const env = {
    ...process.env,
    PATH: [bin, process.env.PATH].join(delimiter),
    GOFLAGS: '-mod=vendor',
    GOOS: 'plan9',
  };
  const builds = () =>
    existsSync(join(bin, 'builds')) ? readFileSync(join(bin, 'builds'), 'utf8').length / 6 : 0;
  const build = (options = {}) => buildGoModule({ folder, out, env, rename: { server: 'etcd' }, ...options });
  return { folder, bin, out, go, build, builds };
}

test('every tool of the go.mod is built and named after its package, or as it is renamed', async () => {
  const { out, bin, build } = world('named');
  const lines: string[] = [];
  const ldflags = ['-X main.version=1'];
  assert.deepEqual(await build({ tags: ['seccomp'], ldflags, log: (line: string) => lines.push(line) }), {
    programs: ['etcdctl', 'etcd'],
    built: true,
  });
  assert.deepEqual(readdirSync(out).sort(), ['etcd', 'etcdctl', 'module.json', 'module.log']);
  assert.equal(readFileSync(join(out, 'etcd'), 'utf8'), 'example.test/etcd/server/v3\n');
  const args = readFileSync(join(bin, 'args'), 'utf8');
  assert.match(args, /-trimpath .*-tags seccomp -ldflags -s -w -X main\.version=1 /);
  assert.match(lines.at(-1) ?? '', /^0:0\d {2}module: done$/);
});

test("settings of the person's shell that change what is built are set aside", async () => {
  const { bin, build } = world('settings');
  await build();
  const env = readFileSync(join(bin, 'env'), 'utf8').split('\n');
  for (const line of ['GOFLAGS=-mod=readonly', 'GOTOOLCHAIN=go1.27.3', 'CGO_ENABLED=0', 'GOWORK=off']) {
    assert.ok(env.includes(line), line);
  }
  assert.ok(!env.some((line) => line.startsWith('GOOS=')));
  await build({ cgo: true });
  assert.match(readFileSync(join(bin, 'env'), 'utf8'), /^CGO_ENABLED=1$/m);
});

test('a build is made again only when what it is made from changes, a program is gone, or it is forced', async () => {
  const { folder, out, build, builds } = world('again');
  await build();
  assert.deepEqual(await build(), { programs: ['etcdctl', 'etcd'], built: false });
  assert.equal(builds(), 1);
  writeFileSync(join(folder, 'go.sum'), 'other sums\n');
  await build();
  assert.equal(builds(), 2);
  await build({ ldflags: ['-X main.version=2'] });
  assert.equal(builds(), 3);
  rmSync(join(out, 'etcd'));
  await build({ ldflags: ['-X main.version=2'] });
  assert.equal(builds(), 4);
  await build({ ldflags: ['-X main.version=2'], force: true });
  assert.equal(builds(), 5);
});

test('what is built needs no Go', async () => {
  const { bin, build } = world('without-go');
  await build();
  rmSync(join(bin, 'go'));
  assert.equal((await build({ env: { PATH: bin } })).built, false);
});

test('a failed build says how it failed and keeps the programs of the last one', async () => {
  const { out, go, build } = world('fails');
  await build();
  go('case "$1" in env) echo go1.26.8 ;; list) echo a ;; *) echo "checksum mismatch" >&2; exit 1 ;; esac');
  await assert.rejects(build({ force: true }), /^Error: go build ended with code 1[\s\S]*checksum mismatch/);
  assert.deepEqual(readdirSync(out).sort(), ['etcd', 'etcdctl', 'module.json', 'module.log']);
});

test('where Go is missing or too old, the error names the module, the Go it needs and what there is', async () => {
  const { bin, go, build } = world('no-go');
  rmSync(join(bin, 'go'));
  await assert.rejects(build({ env: { PATH: bin } }), (error) => {
    assert.ok(error instanceof GoUnusable);
    assert.equal(
      error.message,
      'Building module needs Go 1.21 or newer (it then fetches go1.27.3 by itself); there is none on the PATH.',
    );
    return true;
  });
  go('echo go1.19.8');
  await assert.rejects(build(), /; the PATH has go1\.19\.8\.$/);
});

test('a go.mod tells its tools and the versions it requires', () => {
  assert.deepEqual(toolsOf(goMod), ['example.test/etcd/etcdctl/v3', 'example.test/etcd/server/v3']);
  assert.deepEqual(toolsOf('tool example.test/a\ntool example.test/b\n'), [
    'example.test/a',
    'example.test/b',
  ]);
  assert.throws(() => toolsOf('module a\n'), /it has none/);
  assert.equal(versionIn(goMod, 'example.test/etcd/server/v3'), 'v3.7.3');
  assert.equal(versionIn('require a.test/b v1.2.3\n', 'a.test/b'), 'v1.2.3');
  assert.throws(() => versionIn(goMod, 'example.test/etcd/api'), /must require example\.test\/etcd\/api/);
});
