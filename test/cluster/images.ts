// Images that are made on this machine, without a registry: of the programs that a cluster runs, and of any files.

import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type ImageConfig, packImage } from '../../tools/image/oci-archive.ts';
import { run } from './commands.ts';
import { pauseImage } from './configuration.ts';
import type { Programs } from './programs.ts';

/** Files by their path in the image: a file of this machine, a link, or a text, which is executable. */
export type Files = Record<string, { from: string } | { link: string } | { text: string }>;

export interface FileImage extends ImageConfig {
  /** As a pod names it, with registry and tag. */
  name: string;
  files: Files;
}

/** Packs files into an archive below `folder`. @returns its path */
export async function imageFrom(folder: string, { name, files, ...config }: FileImage): Promise<string> {
  mkdirSync(folder, { recursive: true });
  const root = mkdtempSync(join(folder, '.files-'));
  try {
    layFiles(root, files);
    const file = join(folder, `${name.replaceAll(/[^\w.-]+/g, '_')}.tar`);
    await packImage(file, { name, layers: [root], config, compress: false });
    return file;
  } finally {
    rmSync(root, { recursive: true });
  }
}

export function layFiles(root: string, files: Files): void {
  // mkdtemp's is for its owner alone.
  chmodSync(root, 0o755);
  // Programs expect these to be there, and the first one to be everybody's.
  for (const path of ['tmp', 'etc']) mkdirSync(join(root, path), { recursive: true });
  chmodSync(join(root, 'tmp'), 0o1777);
  for (const [path, content] of Object.entries(files)) {
    const target = join(root, path);
    mkdirSync(dirname(target), { recursive: true });
    if ('from' in content) copyFileSync(content.from, target);
    else if ('link' in content) symlinkSync(content.link, target);
    else writeFileSync(target, content.text, { mode: 0o755 });
  }
}

export const corednsImage = 'docker.io/spikegate/coredns:1';

/** What every node has: the process that holds a pod's namespaces, and the name server. */
export async function nodeImages(folder: string, programs: Programs): Promise<string[]> {
  mkdirSync(folder, { recursive: true });
  const pause = join(folder, 'pause');
  await run('gcc', ['-static', '-Os', '-s', '-o', pause, join(import.meta.dirname, 'pause.c')]);
  return Promise.all([
    imageFrom(folder, { name: pauseImage, files: { '/pause': { from: pause } }, entrypoint: ['/pause'] }),
    imageFrom(folder, {
      name: corednsImage,
      files: { '/coredns': { from: programs.coredns } },
      entrypoint: ['/coredns'],
    }),
  ]);
}

export const webImage = 'docker.io/spikegate/web:1';
export const kafkaImage = 'docker.io/spikegate/kafka:1';

/** One image for all: the ports of the samples, and of every component of a DataService. */
const webPorts = [80, 8080, 8761, 9081, 9084, 9085, 9086, 9087, 9088, 9094, 9184];

/** The web server of `web/`, for workloads of any kind. */
export const packWebImage = (folder: string) =>
  packOwnProgram(
    folder,
    'web',
    webImage,
    webPorts.map((port) => `:${port}`),
  );
/** The Kafka broker of `kafka/`. */
export const packKafkaImage = (folder: string) => packOwnProgram(folder, 'kafka', kafkaImage);

async function packOwnProgram(
  folder: string,
  program: string,
  name: string,
  args: string[] = [],
): Promise<string> {
  mkdirSync(folder, { recursive: true });
  const from = join(folder, program);
  const source = join(import.meta.dirname, program);
  const env = { ...process.env, CGO_ENABLED: '0', GOFLAGS: '', GOWORK: 'off', GOTOOLCHAIN: 'auto' };
  await run('go', ['build', '-C', source, '-trimpath', '-o', from, '.'], env);
  const files = { [`/${program}`]: { from } };
  return imageFrom(folder, { name, files, entrypoint: [`/${program}`, ...args], user: '65532:65532' });
}
