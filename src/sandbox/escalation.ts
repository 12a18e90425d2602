// Prevents privilege escalation: a user can only grant rights that the user has. These are Kubernetes' checks when a role
// or a binding is written (pkg/registry/rbac/{role,clusterrole,rolebinding,clusterrolebinding}/policybased and
// validation/rule.go).

import type { User } from './call.ts';
import type { Authorizer } from './rbac.ts';
import type { ResourceType } from './resources.ts';
import { forbidden } from './status.ts';
import { asList, asObj, asString, asStrings, equal, type Item, type Obj } from './types.ts';

const rbac = 'rbac.authorization.k8s.io';
const everything: Obj[] = [
  { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
  { verbs: ['*'], nonResourceURLs: ['*'] },
];

/** @throws ApiError Forbidden when this user may not write this role or binding; NotFound when a binding's role is not there. */
export function checkEscalation(
  authorizer: Authorizer,
  user: User,
  type: ResourceType,
  item: Item,
  old: Item | undefined,
): void {
  if (type.group !== rbac || !type.builtin || user.groups.includes('system:masters')) return;
  // Allow a write that changes only metadata: the garbage collector removes owner references and finalizers.
  const grants = (it: Item | undefined) => [it?.rules, it?.aggregationRule, it?.subjects, it?.roleRef];
  if (old && equal(grants(item), grants(old))) return;
  if (type.kind.endsWith('Binding')) checkBinding(authorizer, user, type, item);
  else checkRole(authorizer, user, type, item, old);
}

function checkRole(
  authorizer: Authorizer,
  user: User,
  type: ResourceType,
  item: Item,
  old: Item | undefined,
): void {
  const namespace = item.metadata.namespace ?? '';
  const { name } = item.metadata;
  const wanted = { verb: 'escalate', group: rbac, resource: type.plural, subresource: '', namespace, name };
  // A create request has no name in its path, so Kubernetes authorises it without one.
  if (authorizer.resource(user, old ? wanted : { ...wanted, name: '' }).allowed) return;
  requireRights(authorizer, user, type, item, asList(item.rules));
  if (!(item.aggregationRule || old?.aggregationRule)) return;
  // An aggregated role takes its rules from other roles. Others may write those, so it may get any rights.
  if (missing(ownRules(authorizer, user, ''), everything).length > 0)
    throw forbidden(type, name, 'must have cluster-admin privileges to use the aggregationRule');
}

function checkBinding(authorizer: Authorizer, user: User, type: ResourceType, item: Item): void {
  const namespace = item.metadata.namespace ?? '';
  const ref = asObj(item.roleRef);
  const resource = ref.kind === 'ClusterRole' ? 'clusterroles' : 'roles';
  const name = asString(ref.name);
  const wanted = { verb: 'bind', group: rbac, resource, subresource: '', namespace, name };
  if (authorizer.resource(user, wanted).allowed) return;
  requireRights(authorizer, user, type, item, authorizer.rulesOf(ref, namespace));
}

const ownRules = (authorizer: Authorizer, user: User, namespace: string): Obj[] => {
  const { resourceRules, nonResourceRules } = authorizer.rules(user, namespace);
  return [...asList(resourceRules), ...asList(nonResourceRules)];
};

/** @throws ApiError Forbidden when the user lacks a right that is granted. */
function requireRights(
  authorizer: Authorizer,
  user: User,
  type: ResourceType,
  item: Item,
  granted: Obj[],
): void {
  const { name, namespace = '' } = item.metadata;
  const lacking = missing(ownRules(authorizer, user, namespace), granted);
  if (lacking.length === 0) return;
  const rights = [...new Set(compact(lacking).map(inWords))].sort().join('\n');
  const who = `user ${JSON.stringify(user.name)} (groups=${listed(user.groups)})`;
  throw forbidden(
    type,
    name,
    `${who} is attempting to grant RBAC permissions not currently held:\n${rights}`,
  );
}

/** The single rights in `granted` (one verb on one resource or path) that no held rule covers. */
function missing(held: readonly Obj[], granted: readonly Obj[]): Obj[] {
  return granted.flatMap(singleRights).filter((right) => !held.some((rule) => covers(rule, right)));
}

function singleRights(rule: Obj): Obj[] {
  const verbs = asStrings(rule.verbs);
  const names = asStrings(rule.resourceNames);
  const named: Obj[] = names.length > 0 ? names.map((name) => ({ resourceNames: [name] })) : [{}];
  const ofResources = asStrings(rule.apiGroups).flatMap((group) =>
    asStrings(rule.resources).flatMap((resource) =>
      verbs.flatMap((verb) =>
        named.map((name) => ({ apiGroups: [group], resources: [resource], verbs: [verb], ...name })),
      ),
    ),
  );
  const ofPaths = asStrings(rule.nonResourceURLs).flatMap((url) =>
    verbs.map((verb) => ({ nonResourceURLs: [url], verbs: [verb] })),
  );
  return [...ofResources, ...ofPaths];
}

const hasAll = (list: unknown, wanted: unknown) => {
  const there = asStrings(list);
  return there.includes('*') || asStrings(wanted).every((it) => there.includes(it));
};

function covers(rule: Obj, right: Obj): boolean {
  const names = asStrings(rule.resourceNames);
  const wantedNames = asStrings(right.resourceNames);
  return (
    hasAll(rule.verbs, right.verbs) &&
    hasAll(rule.apiGroups, right.apiGroups) &&
    coversResources(rule, right) &&
    coversPaths(rule, right) &&
    (names.length === 0 || (wantedNames.length > 0 && wantedNames.every((name) => names.includes(name))))
  );
}

function coversResources(rule: Obj, right: Obj): boolean {
  if (hasAll(rule.resources, right.resources)) return true;
  const there = asStrings(rule.resources);
  return asStrings(right.resources).every(
    (path) => there.includes(path) || (path.includes('/') && there.includes(`*/${path.split('/')[1]}`)),
  );
}

function coversPaths(rule: Obj, right: Obj): boolean {
  const there = asStrings(rule.nonResourceURLs);
  return asStrings(right.nonResourceURLs).every((path) =>
    there.some((own) => own === path || (own.endsWith('*') && path.startsWith(own.replace(/\*+$/, '')))),
  );
}

/** Joins rights that differ only in the verb into one rule, as the API server's message does. */
function compact(rights: readonly Obj[]): Obj[] {
  const byResource = new Map<string, Obj>();
  const rest: Obj[] = [];
  for (const right of rights) {
    if (right.nonResourceURLs) {
      rest.push(right);
      continue;
    }
    const key = JSON.stringify([right.apiGroups, right.resources, right.resourceNames]);
    const known = byResource.get(key);
    if (known) known.verbs = [...asStrings(known.verbs), ...asStrings(right.verbs)];
    else byResource.set(key, { ...right });
  }
  return [...rest, ...byResource.values()];
}

/** Lists as Go's %q writes them. */
const listed = (texts: readonly string[]): string => `[${texts.map((it) => JSON.stringify(it)).join(' ')}]`;

const inWords = (rule: Obj): string => {
  const parts = [
    ['APIGroups', rule.apiGroups],
    ['Resources', rule.resources],
    ['NonResourceURLs', rule.nonResourceURLs],
    ['ResourceNames', rule.resourceNames],
    ['Verbs', rule.verbs],
  ] as const;
  const there = parts
    .map(([title, list]) => [title, asStrings(list)] as const)
    .filter(([, list]) => list.length > 0);
  return `{${there.map(([title, list]) => `${title}:${listed(list)}`).join(', ')}}`;
};
