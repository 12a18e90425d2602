// `npm run image`: makes the image of the Dockerfile as an OCI archive, without an engine and without a registry.
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { assemble, root } from './dockerfile.ts';
import { packImage } from './oci-archive.ts';

if (process.platform !== 'linux') {
  console.error('npm run image needs Linux: the image holds the Node and the libraries of this machine');
  process.exit(2);
}

const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };
// containerd keeps a plain name under its full one.
const name = `docker.io/library/spikegate:${version}`;
const file = join(root, 'dist', 'image', `spikegate-${version}.tar`);

/** What git says of the commit; in a copy without git, nothing. */
function git(...args: string[]): string | undefined {
  try {
    return execFileSync('git', args, {
      cwd: root,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return undefined;
  }
}

// Beside the archive, so that files can be hard links.
await mkdir(dirname(file), { recursive: true });
const work = await mkdtemp(join(dirname(file), '.work-'));
try {
  const { layers, config } = await assemble(work, {
    VERSION: version,
    REVISION: git('rev-parse', 'HEAD') ?? 'unknown',
  });
  const createdAt = Number(process.env.SOURCE_DATE_EPOCH ?? git('log', '-1', '--format=%ct') ?? 0);
  const packed = await packImage(file, { name, layers, config, createdAt });
  const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(0)} MB`;
  console.log(`${relative(process.cwd(), file)}: ${name}, ${packed.digest}`);
  console.log(
    `${layers.length} layers, ${megabytes(packed.unpackedBytes)} unpacked, ${megabytes(packed.bytes)} packed`,
  );
} finally {
  await rm(work, { recursive: true, force: true });
}
