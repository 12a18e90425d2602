// The workflows parse, grant no more than a job needs, and do the steps that a release is made of.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';

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
        if (step.uses) assert.match(step.uses, /^[\w-]+\/[\w-]+@v\d+$/);
      }
    }
  });
}

test('a release is tested, then an image with SBOM and provenance, a chart and a package', () => {
  const { jobs } = read('release.yaml');
  assert.deepEqual(Object.keys(jobs), ['test', 'version', 'image', 'chart', 'npm']);
  assert.ok(jobs.test?.uses?.endsWith('/ci.yaml'));
  assert.ok('workflow_call' in read('ci.yaml').on);
  for (const name of ['image', 'npm']) assert.ok(jobs[name]?.needs?.includes('test'), name);
  const build = jobs.image?.steps?.find((step) => step.uses?.startsWith('docker/build-push-action'));
  assert.equal(build?.with?.sbom, true);
  assert.equal(build?.with?.provenance, 'mode=max');
  assert.ok(jobs.chart?.needs?.includes('image'));
});
