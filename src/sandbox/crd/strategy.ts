// The defaults and validation rules of CustomResourceDefinition objects. Pure.

import { jsonPath } from '../jsonpath.ts';
import type { Strategy } from '../resources.ts';
import type { Schema } from '../schema/schema.ts';
import { type FieldError, field } from '../status.ts';
import { checkFormat, formats } from '../strategies/names.ts';
import { asList, asObj, asString, canonical, equal, type Item, isObj, type Obj } from '../types.ts';
import { tooMuchSchema } from './schema-limits.ts';
import { checkSchema } from './structural.ts';

function checkNames(item: Item): FieldError[] {
  const spec = asObj(item.spec);
  const names = asObj(spec.names);
  const wanted = `${names.plural}.${spec.group}`;
  const errors: FieldError[] = [];
  if (item.metadata.name !== wanted)
    errors.push(
      field.invalid('metadata.name', item.metadata.name, 'must be spec.names.plural+"."+spec.group'),
    );
  if (!spec.group) errors.push(field.required('spec.group'));
  else if (!asString(spec.group).includes('.'))
    errors.push(field.invalid('spec.group', spec.group, 'should be a domain with at least one dot'));
  for (const name of ['plural', 'singular', 'kind', 'listKind']) {
    const value = asString(names[name]);
    if (!value) errors.push(field.required(`spec.names.${name}`));
    else errors.push(...checkFormat(formats.label1035, `spec.names.${name}`, value.toLowerCase()));
  }
  if (names.kind && names.kind === names.listKind)
    errors.push(
      field.invalid('spec.names.listKind', names.listKind, 'kind and listKind may not be the same'),
    );
  if (spec.scope !== 'Namespaced' && spec.scope !== 'Cluster')
    errors.push(
      spec.scope
        ? field.unsupported('spec.scope', spec.scope, ['Cluster', 'Namespaced'])
        : field.required('spec.scope'),
    );
  return errors;
}

const columnTypes = ['boolean', 'date', 'integer', 'number', 'string'];

function checkScale(scale: Obj, path: string): FieldError[] {
  const parents = { specReplicasPath: '.spec', statusReplicasPath: '.status' };
  return Object.entries(parents).flatMap(([name, parent]) => {
    const given = asString(scale[name]);
    return given && !given.startsWith(`${parent}.`)
      ? [field.invalid(`${path}.${name}`, given, `should be a json path under ${parent}`)]
      : [];
  });
}

const approval = 'api-approved.kubernetes.io';

/** A CRD in one of Kubernetes' own groups needs the approval annotation. */
function checkGroup(item: Item): FieldError[] {
  const group = asString(asObj(item.spec).group);
  const guarded = /(^|\.)(k8s|kubernetes)\.io$/.test(group);
  if (!guarded || item.metadata.annotations?.[approval]) return [];
  return [
    field.required(
      `metadata.annotations[${approval}]`,
      `protected groups must have approval annotation "${approval}", see https://github.com/kubernetes/enhancements/pull/1111`,
    ),
  ];
}

/** When all versions have the same error, reports it once, at the field that CRDs of v1beta1 had for all versions. */
function mergeVersionErrors(item: Item, errors: FieldError[]): FieldError[] {
  const versions = asList(asObj(item.spec).versions);
  const shared = (name: string) => versions.every((version) => equal(version[name], versions[0]?.[name]));
  const moves = [
    ['schema', /^spec\.versions\[\d+\]\.schema\.openAPIV3Schema/, 'spec.validation.openAPIV3Schema'],
    ['subresources', /^spec\.versions\[\d+\]\.subresources/, 'spec.subresources'],
    ['additionalPrinterColumns', /^spec\.versions\[\d+\]\.additional/, 'spec.additional'],
  ] as const;
  const moved = errors.map((error) => {
    for (const [name, from, to] of moves)
      if (from.test(error.field) && shared(name))
        return { ...error, field: error.field.replace(from, to).replace(/\.jsonPath$/, '.JSONPath') };
    return error;
  });
  return [...new Map(moved.map((error) => [canonical(error), error])).values()];
}

function checkVersions(item: Item): FieldError[] {
  const spec = asObj(item.spec);
  const versions = asList(spec.versions);
  const errors: FieldError[] = [];
  const stored = versions.filter((version) => version.storage === true).length;
  if (stored !== 1)
    errors.push(
      field.invalid('spec.versions', versions, 'must have exactly one version marked as storage version'),
    );
  const conversion = asObj(spec.conversion);
  if (conversion.strategy !== undefined && !['None', 'Webhook'].includes(asString(conversion.strategy)))
    errors.push(field.unsupported('spec.conversion.strategy', conversion.strategy, ['None', 'Webhook']));
  if (spec.preserveUnknownFields === true)
    errors.push(
      field.invalid(
        'spec.preserveUnknownFields',
        true,
        'cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead',
      ),
    );
  if (conversion.strategy === 'Webhook')
    errors.push(field.forbidden('spec.conversion.strategy', 'the sandbox converts with strategy None only'));
  const seen = new Set<string>();
  versions.forEach((version, i) => {
    const path = `spec.versions[${i}]`;
    const name = asString(version.name);
    errors.push(...checkFormat(formats.label1035, `${path}.name`, name));
    if (seen.has(name)) errors.push(field.duplicate(`${path}.name`, name));
    seen.add(name);
    const schema = asObj(version.schema).openAPIV3Schema;
    if (!isObj(schema)) errors.push(field.required(`${path}.schema.openAPIV3Schema`, 'schemas are required'));
    else {
      const at = `${path}.schema.openAPIV3Schema`;
      const tooMuch = tooMuchSchema(schema as Schema);
      errors.push(...(tooMuch ? [field.forbidden(at, tooMuch)] : checkSchema(schema as Schema, at, true)));
    }
    errors.push(...checkScale(asObj(asObj(version.subresources).scale), `${path}.subresources.scale`));
    asList(version.additionalPrinterColumns).forEach((column, n) => {
      const type = asString(column.type);
      if (type && !columnTypes.includes(type))
        errors.push(
          field.invalid(
            `${path}.additionalPrinterColumns[${n}].type`,
            type,
            `must be one of ${columnTypes.join(',')}`,
          ),
        );
      try {
        jsonPath(asString(column.jsonPath));
      } catch (error) {
        errors.push(
          field.invalid(
            `${path}.additionalPrinterColumns[${n}].jsonPath`,
            column.jsonPath,
            (error as Error).message,
          ),
        );
      }
    });
  });
  return errors;
}

/** Derives the singular name and the list kind from the kind. */
function fillIn(item: Item): void {
  const names = asObj(asObj(item.spec).names);
  if (names.kind) {
    names.singular ??= asString(names.kind).toLowerCase();
    names.listKind ??= `${names.kind}List`;
  }
}

export const crdStrategy: Strategy = {
  fillIn,
  prepareCreate(item) {
    const stored = asList(asObj(item.spec).versions).filter((version) => version.storage === true);
    item.status = {
      conditions: null,
      acceptedNames: { plural: '', kind: '' },
      storedVersions: stored.map((version) => version.name),
    };
  },
  prepareUpdate(item) {
    const status = asObj(item.status);
    const stored = asList(asObj(item.spec).versions).find((version) => version.storage === true)?.name;
    const known = Array.isArray(status.storedVersions) ? status.storedVersions : [];
    if (stored && !known.includes(stored)) status.storedVersions = [...known, stored];
    item.status = status;
  },
  validate: (item) =>
    mergeVersionErrors(item, [...checkNames(item), ...checkGroup(item), ...checkVersions(item)]),
  validateUpdate(item, old) {
    const [now, before] = [asObj(item.spec), asObj(old.spec)];
    const fixed = ['group', 'scope'].filter((name) => !equal(now[name], before[name]));
    const names = ['kind', 'plural'].filter(
      (name) => !equal(asObj(now.names)[name], asObj(before.names)[name]),
    );
    return [
      ...fixed.map((name) => field.invalid(`spec.${name}`, now[name], 'field is immutable')),
      ...names.map((name) =>
        field.invalid(`spec.names.${name}`, asObj(now.names)[name], 'field is immutable'),
      ),
    ];
  },
};
