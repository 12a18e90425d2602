// The review kinds: a client posts a question (who am I, may I, is this token valid), and gets the answer in the
// status. Nothing is stored. Also issues the tokens of service accounts.

import { own } from '../../runtime/own-keys.ts';
import { type Authenticator, type BoundObject, ownAudiences, type Tokens } from '../auth.ts';
import type { User } from '../call.ts';
import type { Authorizer } from '../rbac.ts';
import { apiVersionOf } from '../resources.ts';
import { badRequest, conflict, type FieldError, field, invalid, notFound } from '../status.ts';
import { parse } from '../store/entry.ts';
import { asNumber, asObj, asString, asStrings, isObj, type Obj, timestamp } from '../types.ts';
import { decodeObject, mediaType, readBody } from './body.ts';
import type { RequestContext } from './context.ts';
import type { Answer } from './respond.ts';

export interface Access {
  authenticator: Authenticator;
  authorizer: Authorizer;
  tokens: Tokens;
}

const userInfo = (user: User): Obj => ({
  username: user.name,
  ...(user.uid ? { uid: user.uid } : {}),
  groups: user.groups,
  ...(user.extra ? { extra: user.extra } : {}),
});

function decideAccess(access: Access, user: User, spec: Obj): Obj {
  const path = spec.nonResourceAttributes;
  if (isObj(path)) return access.authorizer.path(user, asString(path.verb), asString(path.path));
  const wanted = asObj(spec.resourceAttributes);
  return access.authorizer.resource(user, {
    verb: asString(wanted.verb),
    group: asString(wanted.group),
    resource: asString(wanted.resource),
    subresource: asString(wanted.subresource),
    namespace: asString(wanted.namespace),
    name: asString(wanted.name),
  });
}

type Review = (access: Access, context: RequestContext, spec: Obj) => Obj;

const reviews: Record<string, Review> = {
  SelfSubjectAccessReview: (access, { call }, spec) => decideAccess(access, call.user, spec),
  SubjectAccessReview: (access, _, spec) =>
    decideAccess(access, { name: asString(spec.user), groups: asStrings(spec.groups) }, spec),
  LocalSubjectAccessReview: (access, _, spec) =>
    decideAccess(access, { name: asString(spec.user), groups: asStrings(spec.groups) }, spec),
  SelfSubjectReview: (_, { call }) => ({ userInfo: userInfo(call.user) }),
  SelfSubjectRulesReview: (access, { call }, spec) =>
    access.authorizer.rules(call.user, asString(spec.namespace)),
  TokenReview: (access, _, spec) => {
    const asked = asStrings(spec.audiences);
    const audiences = asked.length > 0 ? asked : ownAudiences;
    const found = access.authenticator.tokenReview(asString(spec.token), audiences);
    return found
      ? { authenticated: true, user: userInfo(found.user), audiences: found.audiences }
      : { authenticated: false, user: {}, error: 'invalid bearer token' };
  },
};

export const isReview = (kind: string) => Object.hasOwn(reviews, kind);

export async function review(access: Access, context: RequestContext): Promise<Answer> {
  const { type, req } = context;
  const given = decodeObject(await readBody(req), mediaType(req), type.kind, type.typeName);
  const spec = asObj(given.spec);
  checkAccess(type.kind, spec);
  const status = (own(reviews, type.kind) as Review)(access, context, spec);
  const answer = {
    kind: type.kind,
    apiVersion: apiVersionOf(type),
    metadata: { creationTimestamp: null },
    spec,
    status,
  };
  return { code: 201, json: JSON.stringify(answer) };
}

/**
 * An access review must name either a resource or a path. A review that is not about the caller must name a user or a
 * group.
 */
function checkAccess(kind: string, spec: Obj): void {
  if (!kind.endsWith('AccessReview')) return;
  const errors: FieldError[] = [];
  const [resource, path] = [isObj(spec.resourceAttributes), isObj(spec.nonResourceAttributes)];
  if (resource && path)
    errors.push(
      field.invalid(
        'spec',
        spec,
        'exactly one of nonResourceAttributes or resourceAttributes must be specified',
      ),
    );
  if (!resource && !path)
    errors.push(
      field.invalid(
        'spec.resourceAttributes',
        null,
        'exactly one of nonResourceAttributes or resourceAttributes must be specified',
      ),
    );
  if (!kind.startsWith('Self') && !spec.user && asStrings(spec.groups).length === 0)
    errors.push(field.invalid('spec.user', '', 'at least one of user or group must be specified'));
  if (errors.length > 0) throw invalid({ group: 'authorization.k8s.io', kind: '' }, '', errors);
}

const defaultSeconds = 3600;
const minSeconds = 600;

/**
 * The object to which the client binds a token. The object must exist. A pod must run as this service account
 * (pkg/registry/core/serviceaccount/storage/token.go).
 */
function boundObject(
  { authenticator }: Access,
  { route, core }: RequestContext,
  ref: unknown,
): BoundObject | undefined {
  if (!isObj(ref)) return undefined;
  const [apiVersion, kind, name] = [asString(ref.apiVersion), asString(ref.kind), asString(ref.name)];
  if (apiVersion !== 'v1' || !(kind === 'Pod' || kind === 'Secret' || kind === 'Node')) {
    const [group, version] = apiVersion.includes('/') ? apiVersion.split('/') : ['', apiVersion];
    throw badRequest(`cannot bind token to object of type ${group}/${version}, Kind=${kind}`);
  }
  const uid = authenticator.boundUid(route.namespace, { kind, name });
  if (uid === undefined) throw notFound({ group: '', plural: `${kind.toLowerCase()}s` }, name);
  const pod = kind === 'Pod' ? core.store.table('/pods').get(`${route.namespace}/${name}`) : undefined;
  if (pod && asString(asObj(parse(pod).spec).serviceAccountName) !== route.name) {
    throw badRequest(
      `cannot bind token for serviceaccount ${JSON.stringify(route.name)} to pod running with different serviceaccount name.`,
    );
  }
  if (ref.uid && ref.uid !== uid) {
    throw conflict(
      { group: '', plural: kind },
      name,
      `the UID in the bound object reference (${ref.uid}) does not match the UID in record. The object might have been deleted and then recreated`,
    );
  }
  return { kind, name, uid };
}

/** `serviceaccounts/token`: issues a token for the requested time, by default an hour. */
export async function requestToken(access: Access, context: RequestContext): Promise<Answer> {
  const { req, route, core, type } = context;
  const given = decodeObject(await readBody(req), mediaType(req), 'TokenRequest', 'TokenRequest');
  const account = core.store.table('/serviceaccounts').get(`${route.namespace}/${route.name}`);
  if (!account) throw notFound(type, route.name);
  const spec = asObj(given.spec);
  const seconds = asNumber(spec.expirationSeconds, defaultSeconds);
  if (seconds < minSeconds)
    throw invalid({ group: 'authentication.k8s.io', kind: 'TokenRequest' }, '', [
      field.invalid('spec.expirationSeconds', seconds, 'may not specify a duration less than 10 minutes'),
    ]);
  const audiences = asStrings(spec.audiences);
  const bound = boundObject(access, context, spec.boundObjectRef);
  const issued = core.clock.now();
  const expires = issued + seconds * 1000;
  const token = access.tokens.sign({
    namespace: route.namespace,
    name: route.name,
    uid: account.uid,
    audiences: audiences.length > 0 ? audiences : [...ownAudiences],
    ...(bound ? { bound } : {}),
    issued,
    expires,
  });
  const answer = {
    kind: 'TokenRequest',
    apiVersion: 'authentication.k8s.io/v1',
    metadata: { name: route.name, namespace: route.namespace, creationTimestamp: timestamp(issued) },
    spec: { ...spec, expirationSeconds: seconds },
    status: { token, expirationTimestamp: timestamp(expires) },
  };
  return { code: 201, json: JSON.stringify(answer) };
}
