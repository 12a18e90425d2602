// Every overlay, as kubectl applies it and takes it away again.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { ensureCertManager } from '../cert-manager.ts';
import { figure, Lab, release, root, seconds } from '../harness.ts';
import { playReadme } from '../readme.ts';

const overlays = join(root, 'manifests', 'overlays');

describe('kubectl apply -k', () => {
  let lab: Lab;
  before(async () => {
    lab = await Lab.open();
  });
  after(() => lab.close());

  for (const name of readdirSync(overlays).sort()) {
    test(`${name}: pods become ready, sell, and go`, async (t) => {
      if (name.includes('cert-manager')) await ensureCertManager(lab);
      const overlay = join(overlays, name);
      const took = await seconds(async () => {
        await lab.kubectl(['apply', '-k', overlay]);
        const deployment = `deployment/${release.name}`;
        await lab.kubectl(['rollout', 'status', deployment, '-n', release.namespace, '--timeout=180s']);
      });
      figure('kustomize', `${name}: apply until both pods are ready`, took, 's');
      await playReadme(lab, t);
      await lab.removeKinds();
      await lab.kubectl(['delete', '-k', overlay, '--ignore-not-found', '--timeout=180s']);
    });
  }
});
