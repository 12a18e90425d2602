// Makes pods fit for a namespace that admits only Pod Security "restricted"
// (https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted). Pure; knows no kind of ours.
import { own } from '../runtime/own-keys.ts';

type Json = Record<string, unknown>;

/** The level that a namespace enforces. */
export const enforceLabel = 'pod-security.kubernetes.io/enforce';

/** What an owner says in spec.podSecurity. Absent: what its namespace enforces. */
export function wantsRestricted(spec: unknown, labels: Record<string, string> | undefined): boolean {
  const said = isMap(spec) ? spec.podSecurity : undefined;
  return said === 'Restricted' || (said === undefined && own(labels, enforceLabel) === 'restricted');
}

/** A child's body with a security context for each pod that it makes. A body that makes none stays as it is. */
export function restricted(body: object): object {
  const { spec } = body as { spec?: unknown };
  if (!isMap(spec) || !isMap(spec.template) || !isMap(spec.template.spec)) return body;
  const pod = spec.template.spec;
  const lists = ['initContainers', 'containers'].flatMap((name) => {
    const list = own(pod, name);
    return Array.isArray(list) ? [[name, list.map(restrictedContainer)]] : [];
  });
  const securityContext = { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } };
  const template = {
    ...spec.template,
    spec: { ...pod, ...Object.fromEntries(lists), securityContext },
  };
  return { ...body, spec: { ...spec, template } };
}

const restrictedContainer = (container: unknown): unknown =>
  isMap(container)
    ? { ...container, securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } } }
    : container;

const isMap = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
