// Packs folders into one OCI image archive: what `docker load`, `podman load` and `ctr images import` read.
// The same folders and settings always give the same bytes. Knows nothing of what is in the folders.

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { createGzip } from 'node:zlib';

const run = promisify(execFile);

/** What a container of the image starts with; the names of the image specification, without their capitals. */
export interface ImageConfig {
  entrypoint?: string[];
  cmd?: string[];
  env?: Record<string, string>;
  user?: string;
  workingDir?: string;
  labels?: Record<string, string>;
  /** `9443/tcp` */
  exposedPorts?: string[];
}

export interface ImageSource {
  /** As a pod names it, with registry and tag: `docker.io/library/spikegate:0.1.0`. */
  name: string;
  /** Folders that become the image's layers, the lowest first. Every file in them will belong to root. */
  layers: string[];
  config: ImageConfig;
  /** Seconds since the epoch: of every file and of the image. Default 0, so that equal files give equal bytes. */
  createdAt?: number;
  /** Default true. Without, packing and importing are faster, and the archive is larger. */
  compress?: boolean;
}

export interface PackedImage {
  /** `sha256:…` of the manifest: the image's identity. */
  digest: string;
  /** Of the archive. */
  bytes: number;
  /** Of all layers, unpacked. */
  unpackedBytes: number;
}

interface Blob {
  digest: string;
  size: number;
}

const architectures: Partial<Record<NodeJS.Architecture, string>> = { x64: 'amd64' };

/** Writes the archive to `file`. Needs GNU tar. */
export async function packImage(file: string, source: ImageSource): Promise<PackedImage> {
  const { name, createdAt = 0, compress = true } = source;
  if (!/:[\w.-]+$/.test(name)) throw new Error(`an image's name must end with a tag, got ${name}`);
  await mkdir(dirname(file), { recursive: true });
  // Beside the file, or the last step would copy it.
  const work = await mkdtemp(join(dirname(file), '.image-'));
  try {
    const layout = join(work, 'layout');
    const blobs = join(layout, 'blobs', 'sha256');
    await mkdir(blobs, { recursive: true });
    const diffIds: string[] = [];
    const layers: (Blob & { mediaType: string })[] = [];
    let unpackedBytes = 0;
    for (const folder of source.layers) {
      const plain = join(work, 'layer.tar');
      await tar(plain, folder, ['.'], createdAt);
      diffIds.push(`sha256:${await sha256(plain)}`);
      unpackedBytes += (await stat(plain)).size;
      let packed = plain;
      if (compress) {
        packed = `${plain}.gz`;
        await pipeline(createReadStream(plain), createGzip({ level: 9 }), createWriteStream(packed));
      }
      const mediaType = `application/vnd.oci.image.layer.v1.tar${compress ? '+gzip' : ''}`;
      layers.push({ mediaType, ...(await moveBlob(packed, blobs)) });
    }
    const platform = { architecture: architectures[process.arch] ?? process.arch, os: 'linux' };
    const created = new Date(createdAt * 1000).toISOString();
    const config = await writeBlob(blobs, {
      created,
      ...platform,
      config: configOf(source.config),
      rootfs: { type: 'layers', diff_ids: diffIds },
      history: diffIds.map(() => ({ created, created_by: 'spikegate image' })),
    });
    const manifestType = 'application/vnd.oci.image.manifest.v1+json';
    const manifest = await writeBlob(blobs, {
      schemaVersion: 2,
      mediaType: manifestType,
      config: { mediaType: 'application/vnd.oci.image.config.v1+json', ...config },
      layers,
    });
    const annotations = {
      // Read by containerd, and by the specification's own readers.
      'io.containerd.image.name': name,
      'org.opencontainers.image.ref.name': name.slice(name.lastIndexOf(':') + 1),
    };
    await writeJson(join(layout, 'oci-layout'), { imageLayoutVersion: '1.0.0' });
    await writeJson(join(layout, 'index.json'), {
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.index.v1+json',
      manifests: [{ mediaType: manifestType, ...manifest, platform, annotations }],
    });
    // Read by `docker load` of engines that do not know the OCI layout.
    const path = ({ digest }: Blob) => `blobs/${digest.replace(':', '/')}`;
    await writeJson(join(layout, 'manifest.json'), [
      { Config: path(config), RepoTags: [name], Layers: layers.map(path) },
    ]);
    const archive = join(work, 'archive.tar');
    await tar(archive, layout, ['oci-layout', 'index.json', 'manifest.json', 'blobs'], createdAt);
    await rename(archive, file);
    return { digest: manifest.digest, bytes: (await stat(file)).size, unpackedBytes };
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

function configOf({ entrypoint, cmd, env, user, workingDir, labels, exposedPorts }: ImageConfig): object {
  return {
    ...(entrypoint && { Entrypoint: entrypoint }),
    ...(cmd && { Cmd: cmd }),
    Env: Object.entries(env ?? {}).map(([key, value]) => `${key}=${value}`),
    ...(user && { User: user }),
    ...(workingDir && { WorkingDir: workingDir }),
    ...(labels && { Labels: labels }),
    ...(exposedPorts && { ExposedPorts: Object.fromEntries(exposedPorts.map((port) => [port, {}])) }),
  };
}

async function tar(file: string, folder: string, paths: string[], seconds: number): Promise<void> {
  const same = ['--sort=name', `--mtime=@${seconds}`, '--owner=0', '--group=0', '--numeric-owner'];
  // PAX's own times and process ids would differ each time.
  await run('tar', ['--format=gnu', ...same, '-cf', file, '-C', folder, ...paths]);
}

async function sha256(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}

async function moveBlob(file: string, blobs: string): Promise<Blob> {
  const digest = await sha256(file);
  const { size } = await stat(file);
  await rename(file, join(blobs, digest));
  return { digest: `sha256:${digest}`, size };
}

async function writeBlob(blobs: string, content: object): Promise<Blob> {
  const text = JSON.stringify(content);
  const digest = createHash('sha256').update(text).digest('hex');
  await writeFile(join(blobs, digest), text);
  return { digest: `sha256:${digest}`, size: Buffer.byteLength(text) };
}

const writeJson = (file: string, content: object) => writeFile(file, JSON.stringify(content));
