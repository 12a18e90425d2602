// Authorization by the stored roles and bindings, with the semantics of Kubernetes. Members of the group
// system:masters may do everything.

import type { User } from './call.ts';
import { notFound } from './status.ts';
import { parse } from './store/entry.ts';
import type { Store } from './store/store.ts';
import { asList, asObj, asString, asStrings, type Item, type Obj } from './types.ts';

export interface ResourceAccess {
  verb: string;
  group: string;
  resource: string;
  subresource: string;
  namespace: string;
  name: string;
}

const prefix = 'rbac.authorization.k8s.io';
const everywhere = { namespace: '', after: '' };
/** Whether the list has the value. `*` means all values. */
const has = (list: unknown, value: string) =>
  asStrings(list).some((entry) => entry === '*' || entry === value);

function resourceCovered(rule: Obj, wanted: ResourceAccess): boolean {
  const fullName = wanted.subresource ? `${wanted.resource}/${wanted.subresource}` : wanted.resource;
  const names = asStrings(rule.resourceNames);
  return (
    has(rule.verbs, wanted.verb) &&
    has(rule.apiGroups, wanted.group) &&
    (has(rule.resources, fullName) ||
      (wanted.subresource !== '' && asStrings(rule.resources).includes(`*/${wanted.subresource}`))) &&
    (names.length === 0 || names.includes(wanted.name))
  );
}

const pathCovered = (rule: Obj, verb: string, path: string) =>
  has(rule.verbs, verb) &&
  asStrings(rule.nonResourceURLs).some(
    (url) => url === '*' || url === path || (url.endsWith('*') && path.startsWith(url.slice(0, -1))),
  );

function isSubject(subject: Obj, user: User, bindingNamespace: string): boolean {
  const name = asString(subject.name);
  if (subject.kind === 'User') return name === user.name;
  if (subject.kind === 'Group') return user.groups.includes(name);
  return user.name === `system:serviceaccount:${asString(subject.namespace) || bindingNamespace}:${name}`;
}

export class Authorizer {
  readonly #store: Store;
  #bindings: Item[] | undefined;
  readonly #roles = new Map<string, Obj[]>();

  constructor(store: Store) {
    this.#store = store;
    store.onCommit((changes) => {
      if (!changes.some(({ entry }) => entry.table.startsWith(prefix))) return;
      this.#bindings = undefined;
      this.#roles.clear();
    });
  }

  /** The status of a SubjectAccessReview: `allowed`, and the reason. */
  resource(user: User, wanted: ResourceAccess): Obj {
    if (user.groups.includes('system:masters')) return { allowed: true };
    return this.#decide(user, wanted.namespace, (rule) => resourceCovered(rule, wanted));
  }

  /** The same for a path that is no resource, like /healthz. */
  path(user: User, verb: string, path: string): Obj {
    if (user.groups.includes('system:masters')) return { allowed: true };
    return this.#decide(user, undefined, (rule) => pathCovered(rule, verb, path));
  }

  /** The permissions of a user in a namespace, for `kubectl auth can-i --list`. */
  rules(user: User, namespace: string): Obj {
    const everything: Obj[] = [
      { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
      { verbs: ['*'], nonResourceURLs: ['*'] },
    ];
    const unlimited = user.groups.includes('system:masters') ? everything : [];
    const all = [...unlimited, ...this.#grants(user, namespace).flatMap(({ rules }) => rules)];
    return {
      resourceRules: all.filter((rule) => rule.resources),
      nonResourceRules: all.filter((rule) => rule.nonResourceURLs),
      incomplete: false,
    };
  }

  /**
   * The rules of the role in `ref`, the roleRef of a binding in this namespace.
   * @throws ApiError NotFound
   */
  rulesOf(ref: Obj, namespace: string): Obj[] {
    const isCluster = ref.kind === 'ClusterRole';
    const plural = isCluster ? 'clusterroles' : 'roles';
    const name = asString(ref.name);
    if (!this.#store.table(`${prefix}/${plural}`).get(isCluster ? name : `${namespace}/${name}`))
      throw notFound({ group: prefix, plural }, name);
    return this.#roleRules(ref, namespace);
  }

  #decide(user: User, namespace: string | undefined, covers: (rule: Obj) => boolean): Obj {
    const grant = this.#grants(user, namespace).find(({ rules }) => rules.some(covers));
    return grant ? { allowed: true, reason: `RBAC: allowed by ${grant.by}` } : { allowed: false };
  }

  #grants(user: User, namespace: string | undefined): { rules: Obj[]; by: string }[] {
    return this.#allBindings()
      .filter((binding) => binding.kind === 'ClusterRoleBinding' || binding.metadata.namespace === namespace)
      .filter((binding) =>
        asList(binding.subjects).some((subject) =>
          isSubject(subject, user, binding.metadata.namespace ?? ''),
        ),
      )
      .map((binding) => {
        const ref = asObj(binding.roleRef);
        return {
          rules: this.#roleRules(ref, binding.metadata.namespace ?? ''),
          by: `${binding.kind} "${binding.metadata.name}" of ${ref.kind} "${ref.name}"`,
        };
      });
  }

  #allBindings(): Item[] {
    this.#bindings ??= ['rolebindings', 'clusterrolebindings'].flatMap((plural) =>
      [...this.#store.table(`${prefix}/${plural}`).entries(everywhere)].map(parse),
    );
    return this.#bindings;
  }

  /** The rules of a role, from the cache or the store. Empty when there is no such role. */
  #roleRules(ref: Obj, namespace: string): Obj[] {
    const cluster = ref.kind === 'ClusterRole';
    const key = cluster ? asString(ref.name) : `${namespace}/${ref.name}`;
    const table = `${prefix}/${cluster ? 'clusterroles' : 'roles'}`;
    let rules = this.#roles.get(`${table}/${key}`);
    if (!rules) {
      const entry = this.#store.table(table).get(key);
      rules = entry ? asList(parse(entry).rules) : [];
      this.#roles.set(`${table}/${key}`, rules);
    }
    return rules;
  }
}
