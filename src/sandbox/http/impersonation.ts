// Impersonation: the headers of `kubectl --as`, `--as-group` and `--as-uid`, and Impersonate-Extra-*, name another
// user. A caller who has the permission acts as that user (apiserver pkg/endpoints/filters/impersonation.go).

import type { IncomingMessage } from 'node:http';
import { serviceAccount, type User } from '../call.ts';
import type { Authorizer, ResourceAccess } from '../rbac.ts';
import { ApiError, badRequest, forbidden } from '../status.ts';

const extraPrefix = 'impersonate-extra-';
const authentication = 'authentication.k8s.io';

type Permission = Pick<ResourceAccess, 'group' | 'resource' | 'subresource' | 'namespace' | 'name'>;

/**
 * Returns the impersonated user, or `user` when the request has no such header. The caller needs a permission for
 * each header. @throws ApiError
 */
export function impersonated(
  req: IncomingMessage,
  user: User | undefined,
  authorizer: Authorizer,
): User | undefined {
  if (!user) return user;
  const { name, groups, uid, extra } = impersonationHeaders(req);
  const isExtra = extra.size > 0;
  if (!name) {
    if (groups.length === 0 && uid === undefined && !isExtra) return user;
    throw new ApiError(
      500,
      'InternalError',
      'a group, uid or extra was impersonated without impersonating a user',
    );
  }
  const [, namespace = '', account = ''] = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(name) ?? [];
  const wanted: Permission[] = [
    account
      ? { group: '', resource: 'serviceaccounts', subresource: '', namespace, name: account }
      : clusterWide('', 'users', name),
    ...groups.map((group) => clusterWide('', 'groups', group)),
    ...(uid === undefined ? [] : [clusterWide(authentication, 'uids', uid)]),
    ...[...extra].flatMap(([key, values]) =>
      values.map((value) => clusterWide(authentication, 'userextras', value, key)),
    ),
  ];
  for (const permission of wanted) {
    if (!authorizer.resource(user, { verb: 'impersonate', ...permission }).allowed)
      throw refused(user, permission);
  }
  const ownGroups = account && groups.length === 0 ? serviceAccount(namespace, account).groups : groups;
  const authenticationGroup = name === 'system:anonymous' ? 'system:unauthenticated' : 'system:authenticated';
  return {
    name,
    groups: [...new Set([...ownGroups, authenticationGroup])],
    ...(uid === undefined ? {} : { uid }),
    ...(isExtra ? { extra: Object.fromEntries(extra) } : {}),
  };
}

function impersonationHeaders(req: IncomingMessage) {
  const all = req.headersDistinct;
  const [name] = all['impersonate-user'] ?? [];
  const [uid] = all['impersonate-uid'] ?? [];
  const extra = new Map<string, string[]>();
  for (const [header, values = []] of Object.entries(all)) {
    if (header.startsWith(extraPrefix)) extra.set(decoded(header.slice(extraPrefix.length)), values);
  }
  return { name, uid, extra, groups: all['impersonate-group'] ?? [] };
}

/** A key may have characters that a header's name may not have, so clients percent-encode it. */
function decoded(key: string): string {
  try {
    return decodeURIComponent(key);
  } catch {
    throw badRequest(`the header ${extraPrefix}${key} must be percent-encoded`);
  }
}

const clusterWide = (group: string, resource: string, name: string, subresource = ''): Permission => ({
  group,
  resource,
  subresource,
  namespace: '',
  name,
});

function refused(user: User, { group, resource, subresource, namespace, name }: Permission): ApiError {
  const full = subresource ? `${resource}/${subresource}` : resource;
  const where = namespace ? `in the namespace ${JSON.stringify(namespace)}` : 'at the cluster scope';
  return forbidden(
    { group, plural: resource },
    name,
    `User ${JSON.stringify(user.name)} cannot impersonate resource ${JSON.stringify(full)} in API group ${JSON.stringify(group)} ${where}`,
  );
}
