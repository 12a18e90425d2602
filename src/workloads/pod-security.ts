// Makes pods fit for a namespace that admits only Pod Security "restricted"
// (https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted). Pure; knows no kind of ours.
import { own } from '../runtime/own-keys.ts';

type Json = Record<string, unknown>;

/** The label of a namespace with the Pod Security level that it enforces. */
export const enforceLabel = 'pod-security.kubernetes.io/enforce';

/** Whether the pods must be restricted: spec.podSecurity of the owner decides, or the `labels` of its namespace. */
export function wantsRestricted(spec: unknown, labels: Record<string, string> | undefined): boolean {
  const level = isMap(spec) ? spec.podSecurity : undefined;
  return level === 'Restricted' || (level === undefined && own(labels, enforceLabel) === 'restricted');
}

/** Adds security contexts to the pod template of a child's body. Returns a body without a pod template unchanged. */
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
