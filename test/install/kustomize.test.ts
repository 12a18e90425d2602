// Every kubectl that is here makes the same objects of an overlay: those that the registry of kinds and webhooks names.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { describe, test } from 'node:test';
import { promisify } from 'node:util';
import { parseAllDocuments, stringify } from 'yaml';
import { bundle, type CertificateMode } from '../../src/manifests/bundle.ts';
import * as deploy from '../../src/manifests/deploy.ts';
import type { Extent } from '../../src/manifests/extent.ts';
import { writeComponent } from '../../src/manifests/install.ts';
import type { Manifest } from '../../src/manifests/manifest.ts';
import { findBinaries } from '../control-plane/index.ts';
import { byName, kustomized } from './expected.ts';

const run = promisify(execFile);
const overlays = join(import.meta.dirname, '..', '..', 'manifests', 'overlays');

const found = await findBinaries();
const programs = ['kubectl', ...('missing' in found || !found.kubectl ? [] : [found.kubectl])];
const isThere = async (program: string) =>
  run(program, ['version', '--client']).then(
    () => true,
    () => false,
  );

const extents: Extent[] = [
  { parts: ['sale'], namespaces: [] },
  { parts: ['workloads'], namespaces: ['shop-a', 'shop-b'] },
  { parts: ['sale', 'workloads'], namespaces: ['shop-a'] },
];

/** What an overlay of one's own is made into, which names an overlay and a component. kustomize wants relative paths. */
async function withComponent(program: string, mode: CertificateMode, extent: Extent): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'spikegate-component-'));
  try {
    await writeComponent(join(dir, 'component'), extent);
    const kustomization = {
      resources: [relative(await realpath(dir), join(overlays, mode))],
      components: ['component'],
    };
    await writeFile(join(dir, 'kustomization.yaml'), stringify(kustomization));
    return (await run(program, ['kustomize', dir], { maxBuffer: 64 << 20 })).stdout;
  } finally {
    await rm(dir, { recursive: true });
  }
}

for (const program of programs) {
  const skip = (await isThere(program)) ? false : `there is no ${program}`;
  describe(`${program} kustomize`, { skip }, () => {
    for (const mode of ['self-signed', 'cert-manager'] as const) {
      test(join('overlays', mode), async () => {
        const { stdout, stderr } = await run(program, ['kustomize', join(overlays, mode)], {
          maxBuffer: 64 << 20,
        });
        const objects = parseAllDocuments(stdout).map((document) => document.toJS() as Manifest);
        assert.deepEqual(byName(objects), byName([deploy.namespace, ...kustomized[mode]]));
        assert.equal(stderr, '', 'it warns of nothing, such as a deprecated word');
      });
    }

    for (const extent of extents) {
      for (const mode of ['self-signed', 'cert-manager'] as const) {
        const where = extent.namespaces.join(' and ') || 'all namespaces';
        test(`${mode} with a component: ${extent.parts.join(' and ')} in ${where}`, async () => {
          const stdout = await withComponent(program, mode, extent);
          const objects = parseAllDocuments(stdout).map((document) => document.toJS() as Manifest);
          assert.deepEqual(byName(objects), byName(bundle(mode, extent)));
        });
      }
    }
  });
}
