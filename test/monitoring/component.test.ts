// manifests/monitoring as kustomize makes it, in an overlay with a namespace of its own.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { test } from 'node:test';
import { parseAllDocuments, stringify } from 'yaml';
import { onPath } from '../prometheus.ts';

const monitoring = join(import.meta.dirname, '..', '..', 'manifests', 'monitoring');
const skip = onPath('kubectl') ? false : 'no kubectl on the PATH';

interface Made {
  kind: string;
  metadata: { name: string; namespace: string; labels: Record<string, string> };
  data?: Record<string, string>;
  spec?: { groups: unknown[]; endpoints: { honorLabels: boolean }[] };
}

test('the component brings a ServiceMonitor, the rules and the dashboards into the namespace of the overlay', {
  skip,
}, () => {
  const directory = mkdtempSync(join(tmpdir(), 'spikegate-overlay-'));
  try {
    const overlay = {
      apiVersion: 'kustomize.config.k8s.io/v1beta1',
      kind: 'Kustomization',
      namespace: 'elsewhere',
      components: [relative(directory, monitoring)],
    };
    writeFileSync(join(directory, 'kustomization.yaml'), stringify(overlay));
    const args = ['kustomize', '--load-restrictor', 'LoadRestrictionsNone', directory];
    const text = execFileSync('kubectl', args, { encoding: 'utf8' });
    const made = parseAllDocuments(text).map((document) => document.toJS() as Made);
    assert.deepEqual(
      made.map(({ kind, metadata }) => `${kind} ${metadata.namespace}/${metadata.name}`).sort(),
      [
        'ConfigMap elsewhere/spikegate-dashboard-operator',
        'ConfigMap elsewhere/spikegate-dashboard-sale',
        'PrometheusRule elsewhere/spikegate',
        'ServiceMonitor elsewhere/spikegate',
      ],
    );
    for (const { kind, metadata, data } of made) {
      if (kind !== 'ConfigMap') continue;
      assert.equal(metadata.labels.grafana_dashboard, '1');
      for (const [name, json] of Object.entries(data ?? {})) {
        assert.equal(`spikegate-dashboard-${name}`, `${metadata.name}.json`);
        assert.ok(JSON.parse(json).panels.length >= 15);
      }
    }
    const monitor = made.find(({ kind }) => kind === 'ServiceMonitor');
    assert.deepEqual(
      monitor?.spec?.endpoints.map(({ honorLabels }) => honorLabels),
      [true],
      'a namespace of goods must not be renamed',
    );
  } finally {
    rmSync(directory, { recursive: true });
  }
});
