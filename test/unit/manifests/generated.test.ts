// Generated files are what the definitions say: CRDs, webhook configurations and RBAC may not drift.
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse, parseAllDocuments } from 'yaml';
import { kinds } from '../../../src/api/kinds.ts';
import { workloads } from '../../../src/controllers/workload-kinds.ts';
import { crdOf } from '../../../src/manifests/crd.ts';
import { generatedFiles } from '../../../src/manifests/generated.ts';
import { allChildKinds } from '../../../src/workloads/child-kinds.ts';
import { registry } from '../../../webhooks/registry.ts';

const manifests = join(import.meta.dirname, '..', '..', '..', 'manifests');

for (const [name, expected] of generatedFiles()) {
  test(`manifests/${name} is as generated (npm run manifests)`, () => {
    assert.equal(readFileSync(join(manifests, name), 'utf8'), expected);
  });
}

test('every kind has its webhooks, and every webhook its kind', () => {
  assert.deepEqual(new Set(registry.map(({ kind }) => kind.kind)), new Set(kinds.map(({ kind }) => kind)));
});

interface Schema {
  type?: string;
  properties?: Record<string, Schema>;
  items?: Schema;
  additionalProperties?: Schema;
  [bound: string]: unknown;
}

/** Every string, list, map and number must say how large it may be. */
function unbounded(schema: Schema, path: string): string[] {
  const needs: Record<string, string[]> = {
    string: ['maxLength', 'enum'],
    array: ['maxItems'],
    integer: ['maximum'],
  };
  const bounds = needs[schema.type ?? ''] ?? (schema.additionalProperties ? ['maxProperties'] : []);
  const own = bounds.length > 0 && !bounds.some((bound) => schema[bound] !== undefined) ? [path] : [];
  return [
    ...own,
    ...Object.entries(schema.properties ?? {}).flatMap(([name, child]) =>
      unbounded(child, `${path}.${name}`),
    ),
    ...(schema.items ? unbounded(schema.items, `${path}[]`) : []),
    ...(schema.additionalProperties ? unbounded(schema.additionalProperties, `${path}{}`) : []),
  ];
}

for (const kind of kinds) {
  test(`the CRD of ${kind.kind} bounds every field`, () => {
    const crd = parse(JSON.stringify(crdOf(kind)));
    const schema = crd.spec.versions[0].schema.openAPIV3Schema;
    assert.deepEqual(
      [...unbounded(schema.properties.spec, 'spec'), ...unbounded(schema.properties.status, 'status')],
      [],
    );
    assert.doesNotMatch(JSON.stringify(schema), /patternProperties|x-kubernetes-validations|\$ref|"const"/);
  });
}

test('folders that people apply hold objects, and nothing for kustomize', () => {
  for (const folder of ['crd', 'rbac', 'deploy', 'webhook', 'install', 'monitoring', 'samples']) {
    // What `kubectl apply -f FOLDER` reads.
    for (const file of globSync('*.{yaml,yml,json}', { cwd: join(manifests, folder) })) {
      for (const document of parseAllDocuments(readFileSync(join(manifests, folder, file), 'utf8'))) {
        const { apiVersion, kind, metadata } = document.toJS();
        assert.ok(apiVersion && kind && metadata?.name, `${folder}/${file}`);
        assert.doesNotMatch(apiVersion, /kustomize/, `${folder}/${file}`);
      }
    }
  }
});

test('the samples hold objects of our kinds', () => {
  const files = globSync('**/*.yaml', { cwd: join(manifests, 'samples') });
  for (const file of files) {
    for (const document of parseAllDocuments(readFileSync(join(manifests, 'samples', file), 'utf8'))) {
      const object = document.toJS();
      const kind = kinds.find((it) => it.kind === object.kind);
      // A namespace, a Secret: what a sample needs beside.
      if (!object.apiVersion.includes('.')) continue;
      assert.equal(kind?.apiVersion, object.apiVersion, file);
      assert.equal(kind?.validate(object), undefined, file);
    }
  }
});

test('permissions are for the kinds that the workloads own, and no others', () => {
  const owned = new Set(workloads.flatMap(({ owns }) => owns));
  assert.deepEqual(new Set(allChildKinds), owned);
});
