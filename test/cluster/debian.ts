// Images of Debian's own programs, for what a test runs for real: packages and what they depend on, unpacked without
// being installed. Their archives are kept in the cache folder.

import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type ImageConfig, packImage } from '../../tools/image/oci-archive.ts';
import { run } from './commands.ts';
import { type Files, layFiles } from './images.ts';
import { programFolder } from './programs.ts';

export interface DebianImage extends ImageConfig {
  name: string;
  packages: string[];
  /** Put over those of the packages. */
  files?: Files;
}

/** Packs the image into an archive below `folder`. Needs apt-get and dpkg-deb. @returns its path */
export async function debianImage(
  folder: string,
  { name, packages, files = {}, ...config }: DebianImage,
): Promise<string> {
  const archives = join(programFolder(), 'debian', packages.join('_'));
  mkdirSync(join(archives, 'partial'), { recursive: true });
  mkdirSync(folder, { recursive: true });
  // Nothing counts as installed, so everything that is needed is fetched.
  const apart = ['-o', 'Dir::State::status=/dev/null', '-o', `Dir::Cache::archives=${archives}`];
  const quiet = ['-y', '-qq', '--no-install-recommends', '-o', 'APT::Sandbox::User=root'];
  await run('apt-get', ['install', '--download-only', ...quiet, ...apart, ...packages]);
  const root = mkdtempSync(join(folder, '.files-'));
  try {
    for (const deb of readdirSync(archives).filter((file) => file.endsWith('.deb'))) {
      await run('dpkg-deb', ['--extract', join(archives, deb), root]);
    }
    layFiles(root, files);
    const file = join(folder, `${name.replaceAll(/[^\w.-]+/g, '_')}.tar`);
    await packImage(file, { name, layers: [root], config, compress: false });
    return file;
  } finally {
    rmSync(root, { recursive: true });
  }
}
