// The alert rules as Prometheus' own tool sees them: well formed, and firing when they should and only then.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { parse, stringify } from 'yaml';
import { ruleGroups } from '../../src/monitoring/rules.ts';
import { promtool, skipWithout } from '../prometheus.ts';
import { type Case, cases } from './alert-cases.ts';

const skip = skipWithout('promtool');
const manifest = join(import.meta.dirname, '..', '..', 'manifests', 'monitoring', 'prometheus-rule.yaml');
const alerts = ruleGroups.flatMap(({ alerts }) => alerts);
const evaluatedAt = '20m';

let directory: string;
before(() => {
  directory = mkdtempSync(join(tmpdir(), 'spikegate-rules-'));
  // What the operator does with a PrometheusRule: its spec is the rule file.
  const { spec } = parse(readFileSync(manifest, 'utf8'));
  writeFileSync(join(directory, 'rules.yaml'), stringify(spec));
});
after(() => rmSync(directory, { recursive: true }));

function seriesOf(series: Record<string, string>, leaders: readonly number[]): object[] {
  const replicas = leaders.map((value, index) => ({
    series: `leader_election_master_status{name="spikegate",job="spikegate-metrics",instance="${'ab'[index]}"}`,
    values: `${value}+0x80`,
  }));
  const own = Object.entries(series).map(([name, values]) => ({
    series: name.replace('{ours}', 'job="spikegate-metrics",instance="a"'),
    values,
  }));
  return [...replicas, ...own];
}

function testsOf(
  alertname: string,
  { fires, silent, labels, summary, leaders, silentLeaders }: Case,
): object[] {
  const rule = alerts.find(({ alert }) => alert === alertname)!;
  const { severity, description, action } = rule;
  const expected = {
    exp_labels: { severity, ...labels },
    exp_annotations: { summary, description, action },
  };
  const test = (series: object[], exp_alerts: object[]) => ({
    interval: '15s',
    input_series: series,
    alert_rule_test: [{ eval_time: evaluatedAt, alertname, exp_alerts }],
  });
  return [
    test(seriesOf(fires, leaders ?? [1, 0]), [expected]),
    test(seriesOf(silent, silentLeaders ?? [1, 0]), []),
  ];
}

describe('the alert rules', () => {
  it('are well formed', { skip }, async () => {
    const { ok, output } = await promtool(['check', 'rules', 'rules.yaml'], directory);
    assert.ok(ok, output);
    assert.match(output, new RegExp(`${alerts.length} rules found`));
  });

  it('have a case each', () => {
    assert.deepEqual(Object.keys(cases).sort(), alerts.map(({ alert }) => alert).sort());
  });

  for (const [alertname, it_] of Object.entries(cases)) {
    it(`${alertname} fires when it should, with words that fit, and only then`, { skip }, async () => {
      const tests = {
        rule_files: ['rules.yaml'],
        evaluation_interval: '15s',
        tests: testsOf(alertname, it_),
      };
      const file = `${alertname}.yaml`;
      writeFileSync(join(directory, file), stringify(tests));
      const { ok, output } = await promtool(['test', 'rules', file], directory);
      assert.ok(ok, output);
    });
  }

  it('say what they mean and what to do', () => {
    for (const { alert, summary, description, action } of alerts) {
      for (const text of [summary, description, action]) assert.match(text, /[.?]$/, `${alert}: ${text}`);
      // Only the summary is filled in: the other two are looked up by name in docs/alerts.md.
      assert.doesNotMatch(description + action, /\{\{/, alert);
    }
  });
});
