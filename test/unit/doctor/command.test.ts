// The doctor's exit code where it cannot look at all, as a script sees it; and its report, for people and programs.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import type { Finding } from '../../../src/doctor/findings.ts';
import { asJson, asText, coloured, plain, type Report } from '../../../src/doctor/report.ts';

const main = join(import.meta.dirname, '..', '..', '..', 'src', 'cli', 'main.ts');

test('a cluster that cannot be looked at is no healthy one', () => {
  const ran = spawnSync(process.execPath, [main, 'doctor', '--kubeconfig', '/nowhere/kubeconfig'], {
    encoding: 'utf8',
    timeout: 30_000,
  });
  assert.equal(ran.status, 2);
  assert.equal(ran.stdout, '');
  assert.match(ran.stderr, /^spikegate doctor: the cluster could not be looked at: .*\/nowhere\/kubeconfig/);
});

const finding: Finding = {
  severity: 'error',
  reason: 'NoLeader',
  where: 'lease/a/b',
  what: 'nobody holds it',
  remedy: 'kubectl get pods',
};
const report: Report = {
  server: 'https://a',
  version: 'v1.37.2',
  unchecked: ['goods: these credentials may not'],
  passed: ['x'],
  findings: [finding, { ...finding, severity: 'warning', reason: 'VersionsDiffer' }],
};

test('a report for people says what, where and what to do, and is plain where nobody sees colours', () => {
  assert.equal(
    asText(report, plain),
    [
      'Kubernetes v1.37.2 at https://a',
      '',
      'error   NoLeader  lease/a/b',
      '        nobody holds it',
      '        do: kubectl get pods',
      '',
      'warning VersionsDiffer  lease/a/b',
      '        nobody holds it',
      '        do: kubectl get pods',
      '',
      'not checked  goods: these credentials may not',
      '',
      '1 error, 1 warning; 1 check found nothing',
    ].join('\n'),
  );
  const bare = stripVTControlCharacters(asText(report, coloured));
  assert.equal(bare, asText(report, plain));
  assert.notEqual(asText(report, coloured), bare);
  assert.match(
    asText({ ...report, findings: [], unchecked: [] }, plain),
    /^healthy: 1 check found nothing$/m,
  );
});

test('a report for programs is one document with the same in it', () => {
  const { healthy, findings, unchecked } = JSON.parse(asJson(report));
  assert.deepEqual([healthy, findings, unchecked], [false, report.findings, report.unchecked]);
  assert.equal(JSON.parse(asJson({ ...report, findings: [] })).healthy, true);
});
