// Every kubectl that is here, the oldest that is served and today's, makes the same objects of an overlay: those that the
// registry of kinds and webhooks says.
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
      for (const [folder, policy] of [
        ['', 'policy/v1'],
        ['kubernetes-1.20', 'policy/v1beta1'],
      ] as const) {
        test(join('overlays', folder, mode), async () => {
          const { stdout } = await run(program, ['kustomize', join(overlays, folder, mode)], {
            maxBuffer: 64 << 20,
          });
          const objects = parseAllDocuments(stdout).map((document) => document.toJS() as Manifest);
          const budget = deploy.disruptionBudget(policy);
          const others = kustomized[mode].filter(({ kind }) => kind !== budget.kind);
          assert.deepEqual(byName(objects), byName([deploy.namespace, budget, ...others]));
        });
      }
    }
  });
}
