// An archive is what its readers expect: every blob is what its digest says, and equal folders give equal bytes.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { packImage } from '../../tools/image/oci-archive.ts';

const name = 'docker.io/library/example:1.2.3';
const sha256 = (bytes: Buffer) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

describe('an image archive', () => {
  let work: string;
  const path = (...parts: string[]) => join(work, ...parts);
  before(async () => {
    work = await mkdtemp(join(tmpdir(), 'spikegate-archive-'));
    for (const layer of ['base', 'top']) {
      await mkdir(path(layer, 'bin'), { recursive: true });
      await writeFile(path(layer, 'bin', layer), `#!/bin/sh\necho ${layer}\n`, { mode: 0o755 });
    }
  });
  after(() => rm(work, { recursive: true, force: true }));

  const pack = (file: string, compress = true) => {
    const config = {
      entrypoint: ['/bin/top'],
      env: { A: 'b' },
      user: '65532:65532',
      exposedPorts: ['80/tcp'],
    };
    return packImage(path(file), { name, layers: [path('base'), path('top')], config, compress });
  };
  const unpack = async (file: string) => {
    const folder = path(`${file}.d`);
    await mkdir(folder);
    execFileSync('tar', ['-xf', path(file), '-C', folder]);
    const json = async (part: string) => JSON.parse(await readFile(join(folder, part), 'utf8'));
    const blob = async ({ digest, size }: { digest: string; size?: number }) => {
      const bytes = await readFile(join(folder, 'blobs', digest.replace(':', '/')));
      assert.equal(sha256(bytes), digest);
      if (size !== undefined) assert.equal(bytes.length, size);
      return bytes;
    };
    return { json, blob };
  };

  for (const compress of [true, false]) {
    test(`holds its layers${compress ? ', compressed' : ''}, and each blob is what its digest says`, async () => {
      const packed = await pack(`${compress}.tar`, compress);
      const { json, blob } = await unpack(`${compress}.tar`);
      const { manifests } = await json('index.json');
      assert.equal(manifests.length, 1);
      assert.equal(manifests[0].annotations['io.containerd.image.name'], name);
      assert.equal(manifests[0].digest, packed.digest);
      const manifest = JSON.parse((await blob(manifests[0])).toString());
      const config = JSON.parse((await blob(manifest.config)).toString());
      assert.deepEqual(config.config, {
        Entrypoint: ['/bin/top'],
        Env: ['A=b'],
        User: '65532:65532',
        ExposedPorts: { '80/tcp': {} },
      });
      const plain: Buffer[] = [];
      for (const layer of manifest.layers) {
        const bytes = await blob(layer);
        plain.push(compress ? gunzipSync(bytes) : bytes);
      }
      assert.deepEqual(plain.map(sha256), config.rootfs.diff_ids);
      assert.ok(plain[1]!.includes('bin/top'));
      assert.equal(
        packed.unpackedBytes,
        plain.reduce((sum, layer) => sum + layer.length, 0),
      );
    });
  }

  test('tells an engine without the OCI layout the same image', async () => {
    await pack('docker.tar');
    const { json, blob } = await unpack('docker.tar');
    const [image] = await json('manifest.json');
    assert.deepEqual(image.RepoTags, [name]);
    for (const file of [image.Config, ...image.Layers]) {
      await blob({ digest: file.replace('blobs/', '').replace('/', ':') });
    }
  });

  test('is the same, byte by byte, when it is packed again from files of another time', async () => {
    await pack('first.tar');
    await utimes(path('top', 'bin', 'top'), 1_000_000, 1_000_000);
    await pack('second.tar');
    assert.equal(sha256(await readFile(path('first.tar'))), sha256(await readFile(path('second.tar'))));
  });

  test('needs a name with a tag', async () => {
    const source = { name: 'docker.io/library/example', layers: [], config: {} };
    await assert.rejects(packImage(path('none.tar'), source), /must end with a tag/);
  });
});
