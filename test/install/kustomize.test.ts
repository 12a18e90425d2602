// Every kubectl that is here makes the same objects of an overlay: those that the registry of kinds and webhooks names.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { promisify } from 'node:util';
import { parseAllDocuments } from 'yaml';
import * as deploy from '../../src/manifests/deploy.ts';
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
  });
}
