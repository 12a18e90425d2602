// Checks that the CRDs exist, that they are served, and that this version of Spikegate generates the same ones.
import type { Kind } from '../../api/define-kind.ts';
import { kindsOf } from '../../api/kinds.ts';
import { crdOf } from '../../manifests/crd.ts';
import { differences } from '../differences.ts';
import type { Check, Finding, Unchecked } from '../findings.ts';
import type { Definition, Observation } from '../observation.ts';
import { reinstall } from '../remedies.ts';

const nameOf = ({ plural, group }: Kind): string => `${plural}.${group}`;

export const definitionsAreCurrent: Check = {
  name: 'every CRD is there, served and of this version',
  run: (seen) => kindsOf(seen.expected.parts).flatMap((kind) => judge(kind, seen)),
};

function judge(kind: Kind, seen: Observation): (Finding | Unchecked)[] {
  const name = nameOf(kind);
  const where = `customresourcedefinition/${name}`;
  const found = seen.definitions.get(name) ?? { missing: true };
  if ('unreadable' in found) return [{ unchecked: `${where}: ${found.unreadable}` }];
  const remedy = reinstall(seen);
  if ('missing' in found) {
    return [{ severity: 'error', reason: 'DefinitionMissing', where, what: 'it is not there', remedy }];
  }
  const definition = found.value;
  return [
    ...outdated(kind, definition).map(
      (what): Finding => ({ severity: 'error', reason: 'DefinitionOutdated', where, what, remedy }),
    ),
    ...notEstablished(definition).map(
      (what): Finding => ({
        severity: 'error',
        reason: 'DefinitionNotEstablished',
        where: `${where} status.conditions`,
        what,
        remedy: `kubectl describe crd ${name}`,
      }),
    ),
    ...goneVersions(definition).map(
      (version): Finding => ({
        severity: 'warning',
        reason: 'StoredVersionGone',
        where: `${where} status.storedVersions`,
        what: `it says that objects are stored as ${version}, which it does not have any more`,
        remedy:
          `kubectl get ${name} -A -o json | kubectl replace -f - && kubectl patch crd ${name} --subresource=status ` +
          `--type=merge -p '{"status":{"storedVersions":["${kind.version}"]}}'`,
      }),
    ),
  ];
}

function outdated(kind: Kind, { spec }: Definition): string[] {
  const { versions, ...rest } = crdOf(kind).spec as {
    versions: (Record<string, unknown> & { name: string })[];
  };
  const found = differences(rest, spec, { extras: 'allowed', path: 'spec' });
  for (const { schema, ...wanted } of versions) {
    const stored = spec.versions.find(({ name }) => name === wanted.name) as
      | Record<string, unknown>
      | undefined;
    const path = `spec.versions[${wanted.name}]`;
    if (!stored) {
      found.push(`${path} must be there`);
      continue;
    }
    found.push(...differences(wanted, stored, { extras: 'allowed', path }));
    found.push(...differences(schema, stored.schema, { extras: 'refused', path: `${path}.schema` }));
  }
  return found.length === 0 ? [] : [found.slice(0, 5).join('; ')];
}

function notEstablished({ status }: Definition): string[] {
  const established = status?.conditions?.find(({ type }) => type === 'Established');
  if (established?.status === 'True') return [];
  // NonStructuralSchema reports a problem when True, the other conditions when False.
  const problem = status?.conditions?.find(
    ({ type, status }) => (type === 'NonStructuralSchema') === (status === 'True') && type !== 'Established',
  );
  return [`its kind is not served: ${problem?.message ?? established?.message ?? 'no reason is given'}`];
}

function goneVersions({ spec, status }: Definition): string[] {
  const names = spec.versions.map(({ name }) => name);
  return (status?.storedVersions ?? []).filter((version) => !names.includes(version));
}
