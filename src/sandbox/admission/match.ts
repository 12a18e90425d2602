// Decides which webhooks an operation calls: rules, scope, match policy, selectors. Pure.

import { matchesLabels, parseLabelSelector } from '../selectors.ts';
import { asList, asObj, asString, asStrings, type Item, type Obj } from '../types.ts';

export interface Target {
  operation: 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT';
  group: string;
  version: string;
  plural: string;
  subresource: string;
  namespaced: boolean;
  /** Other versions of the same kind, for matchPolicy Equivalent. Called only when needed. */
  equivalents: () => readonly string[];
}

/** Whether a list of a rule includes the value. The item `*` includes every value. */
const includes = (list: unknown, value: string) => {
  const values = asStrings(list);
  return values.includes('*') || values.includes(value);
};

function resourceMatches(patterns: unknown, plural: string, subresource: string): boolean {
  return asStrings(patterns).some((pattern) => {
    const [resource, sub = ''] = pattern.split('/');
    if (pattern === '*/*') return true;
    return (resource === '*' || resource === plural) && (sub === '*' || sub === subresource);
  });
}

function scopeMatches(scope: unknown, namespaced: boolean): boolean {
  const wanted = asString(scope) || '*';
  return wanted === '*' || (wanted === 'Namespaced') === namespaced;
}

/** The version in which the webhook sees the object. Undefined when the webhook is not called. */
export function matchedVersion(webhook: Obj, target: Target): string | undefined {
  const rules = asList(webhook.rules).filter(
    (rule) =>
      includes(rule.operations, target.operation) &&
      includes(rule.apiGroups, target.group) &&
      resourceMatches(rule.resources, target.plural, target.subresource) &&
      scopeMatches(rule.scope, target.namespaced),
  );
  if (rules.some((rule) => includes(rule.apiVersions, target.version))) return target.version;
  if (webhook.matchPolicy === 'Exact') return undefined;
  return target.equivalents().find((version) => rules.some((rule) => includes(rule.apiVersions, version)));
}

/**
 * Whether the namespace selector matches. It uses the labels of the object's namespace, or the labels of the object
 * itself when that is a namespace. Other cluster-scoped objects always match.
 */
export function namespaceSelected(
  webhook: Obj,
  namespaceLabels: Record<string, string> | undefined,
): boolean {
  const selector = asObj(webhook.namespaceSelector);
  if (Object.keys(selector).length === 0 || namespaceLabels === undefined) return true;
  return matchesLabels(parseLabelSelector(selector), namespaceLabels);
}

export function objectSelected(webhook: Obj, object: Item | undefined, old: Item | undefined): boolean {
  const selector = asObj(webhook.objectSelector);
  if (Object.keys(selector).length === 0) return true;
  const parsed = parseLabelSelector(selector);
  return [object, old].some((item) => item !== undefined && matchesLabels(parsed, item.metadata.labels));
}
