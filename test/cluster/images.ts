// Images that are made on this machine, without a registry: of the programs that a cluster runs, and of any files.

import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type ImageConfig, packImage } from '../../tools/image/oci-archive.ts';
import { run } from './commands.ts';
import { pauseImage } from './configuration.ts';
import type { Programs } from './programs.ts';

export interface FileImage extends ImageConfig {
  /** As a pod names it, with registry and tag. */
  name: string;
  /** Files by their path in the image: the path of a static program or other file here, or a text. */
  files: Record<string, { from: string } | { text: string }>;
}

/** Packs files into an archive. @returns its path */
async function imageFrom(folder: string, { name, files, ...config }: FileImage): Promise<string> {
  mkdirSync(folder, { recursive: true });
  const root = mkdtempSync(join(folder, '.files-'));
  try {
    // Programs expect these to be there.
    for (const path of ['tmp', 'etc']) mkdirSync(join(root, path), { mode: 0o777 });
    for (const [path, content] of Object.entries(files)) {
      const target = join(root, path);
      mkdirSync(dirname(target), { recursive: true });
      if ('from' in content) copyFileSync(content.from, target);
      else writeFileSync(target, content.text, { mode: 0o755 });
    }
    const file = join(folder, `${name.replaceAll(/[^\w.-]+/g, '_')}.tar`);
    await packImage(file, { name, layers: [root], config, compress: false });
    return file;
  } finally {
    rmSync(root, { recursive: true });
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
