// The workflows parse, grant no more than a job needs, and do the steps that a release is made of.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { unacceptable } from '../../../tools/licenses/main.ts';

const folder = join(import.meta.dirname, '..', '..', '..', '.github', 'workflows');

interface Step {
  uses?: string;
  run?: string;
  with?: Record<string, unknown>;
}
interface Job {
  uses?: string;
  needs?: string[];
  steps?: Step[];
  permissions?: Record<string, string>;
  'runs-on'?: string;
}
interface Workflow {
  on: Record<string, unknown>;
  permissions: Record<string, string>;
  jobs: Record<string, Job>;
}

const read = (file: string): Workflow => parse(readFileSync(join(folder, file), 'utf8'));

for (const file of readdirSync(folder)) {
  test(`${file} is a workflow whose jobs may read, and write only where they say so`, () => {
    const { on, permissions, jobs } = read(file);
    assert.ok(Object.keys(on).length > 0);
    assert.deepEqual(permissions, { contents: 'read' });
    for (const [name, job] of Object.entries(jobs)) {
      for (const needed of job.needs ?? []) assert.ok(needed in jobs, `${name} needs ${needed}`);
      if (job.uses) {
        assert.ok(readdirSync(folder).includes(job.uses.replace('./.github/workflows/', '')), job.uses);
        continue;
      }
      assert.ok(job['runs-on'], `${name} runs nowhere`);
      for (const step of job.steps ?? []) {
        assert.equal(
          Number(step.uses !== undefined) + Number(step.run !== undefined),
          1,
          JSON.stringify(step),
        );
        // A tag can be moved to other code; a commit cannot.
        if (step.uses) assert.match(step.uses, /^[\w-]+\/[\w-]+@[0-9a-f]{40}$/);
      }
    }
  });
}

test('a release is tested, then an image with SBOM and provenance, a chart and a package', () => {
  const { jobs } = read('release.yaml');
  assert.deepEqual(Object.keys(jobs), ['test', 'supply', 'version', 'image', 'chart', 'npm']);
  assert.ok(jobs.test?.uses?.endsWith('/ci.yaml'));
  assert.ok('workflow_call' in read('ci.yaml').on);
  for (const name of ['image', 'npm'])
    for (const needed of ['test', 'supply']) assert.ok(jobs[name]?.needs?.includes(needed), name);
  const build = jobs.image?.steps?.find((step) => step.uses?.startsWith('docker/build-push-action'));
  assert.equal(build?.with?.sbom, true);
  assert.equal(build?.with?.provenance, 'mode=max');
  assert.ok(jobs.chart?.needs?.includes('image'));
});

test('a pinned action says which version it is, for those who renew it', () => {
  for (const file of readdirSync(folder)) {
    for (const [line] of readFileSync(join(folder, file), 'utf8').matchAll(/uses: .*@.*$/gm))
      assert.match(line, /@[0-9a-f]{40} # v\d+\.\d+\.\d+$/, file);
  }
});

test('base images and the container of the tests are pinned by digest', () => {
  const root = join(folder, '..', '..');
  const images = readFileSync(join(root, 'Dockerfile'), 'utf8').matchAll(/^FROM (\S+)/gm);
  const container = /^ +image: (\S+)$/m.exec(readFileSync(join(folder, 'ci.yaml'), 'utf8'))?.[1];
  for (const image of [...images].map(([, name]) => name).concat(container)) {
    if (image !== 'scratch') assert.match(image ?? '', /^[a-z]+:[\w.-]+@sha256:[0-9a-f]{64}$/);
  }
});

test('a release checks the signatures and the licences of what it is made of', () => {
  const steps = read('release.yaml').jobs.supply?.steps?.map(({ run }) => run);
  for (const needed of ['npm audit signatures', 'node tools/licenses/main.ts'])
    assert.ok(steps?.includes(needed), needed);
  assert.deepEqual(
    unacceptable(JSON.parse(readFileSync(join(folder, '..', '..', 'package-lock.json'), 'utf8'))),
    [],
  );
  const lock = (license?: string) => ({
    packages: { 'node_modules/a': { version: '1.0.0', ...(license ? { license } : {}) } },
  });
  for (const license of ['GPL-3.0', 'SSPL-1.0', 'MIT AND GPL-2.0', 'UNLICENSED', undefined])
    assert.equal(unacceptable(lock(license)).length, 1, license);
  for (const license of ['MIT', '(BSD-3-Clause OR GPL-2.0)', 'MIT AND ISC'])
    assert.deepEqual(unacceptable(lock(license)), []);
});
