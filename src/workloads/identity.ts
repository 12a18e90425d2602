// The identity of a child: labels, selector, owner reference, hash. Pure; knows no kind of ours.
import { createHash } from 'node:crypto';
import type { KubeObject, OwnerReference } from '../kube/objects.ts';

const managedBy = { 'app.kubernetes.io/managed-by': 'spikegate' } as const;
export const managedSelector = 'app.kubernetes.io/managed-by=spikegate';

/** Hash of the body that Spikegate applied last. With it a reconcile sees that the wanted body has lost a field. */
export const appliedAnnotation = 'spikegate.io/applied';

const longestLabel = 63;

/** Makes a label value of any name. A name that is too long is cut and gets a hash at its end. */
export function labelValue(name: string): string {
  if (name.length <= longestLabel) return name;
  return `${name.slice(0, longestLabel - 9).replace(/[^a-zA-Z0-9]+$/, '')}-${digest(name).slice(0, 8)}`;
}

/** The labels of a child. `component`: the part of the owner that the child belongs to, for example `mysql`. */
export function labelsOf(owner: KubeObject, component: string): Record<string, string> {
  return {
    ...selectorOf(owner, component),
    'app.kubernetes.io/part-of': labelValue(owner.metadata.name),
    ...managedBy,
  };
}

/**
 * Selects the pods of one component of one owner. No other owner in the namespace has pods with these labels, because
 * they contain the owner's kind and name.
 */
export function selectorOf(owner: KubeObject, component: string): Record<string, string> {
  return {
    'app.kubernetes.io/name': owner.kind.toLowerCase(),
    'app.kubernetes.io/instance': labelValue(owner.metadata.name),
    'app.kubernetes.io/component': labelValue(component),
  };
}

/** The component in the labels of a child. */
export const componentOf = (labels: Record<string, string> | undefined): string =>
  labels?.['app.kubernetes.io/component'] ?? '';

export function ownerReference(owner: KubeObject): OwnerReference {
  const { apiVersion, kind, metadata } = owner;
  const { name, uid } = metadata;
  return { apiVersion, kind, name, uid, controller: true, blockOwnerDeletion: true };
}

export const controllerOf = (object: KubeObject | undefined): OwnerReference | undefined =>
  object?.metadata.ownerReferences?.find((it) => it.controller);

/** Hash of any JSON, independent of the order of keys. 16 hexadecimal digits. */
export const hashOf = (value: unknown): string => digest(JSON.stringify(value, sorted)).slice(0, 16);

function sorted(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

const digest = (text: string): string => createHash('sha256').update(text).digest('hex');
