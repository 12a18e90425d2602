// Who may do what in the sandbox, as on a cluster: nobody grants herself what she does not have, every impersonation is
// permitted by itself, roles are aggregated, and a token is good only for whom and for as long as it was made.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { eventually } from '../e2e/world.ts';
import { type Json, open, type Rig } from './harness.ts';

const rbac = '/apis/rbac.authorization.k8s.io/v1';
const inDefault = `${rbac}/namespaces/default`;
const as = (user: string, more: Record<string, string> = {}) => ({ 'impersonate-user': user, ...more });
const bindingOf = (name: string, kind: string, role: string, user: string): Json => ({
  metadata: { name },
  roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind, name: role },
  subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: user }],
});
const allOf = (group: string, ...resources: string[]) => ({ apiGroups: [group], resources, verbs: ['*'] });

async function created(rig: Rig, url: string, body: Json): Promise<void> {
  const { code, text } = await rig.call('POST', url, body);
  assert.equal(code, 201, text);
}

/** alice may write roles and bindings of the namespace default, and read its config maps. */
async function withAlice(t: TestContext, options: Parameters<typeof open>[1] = {}): Promise<Rig> {
  const rig = await open(t, options);
  const rules = [
    allOf('rbac.authorization.k8s.io', 'roles', 'rolebindings', 'clusterroles', 'clusterrolebindings'),
    { apiGroups: [''], resources: ['configmaps'], verbs: ['get', 'list'] },
  ].map((rule) => ({
    ...rule,
    verbs: rule.verbs[0] === '*' ? ['create', 'update', 'patch', 'get'] : rule.verbs,
  }));
  await created(rig, `${rbac}/clusterroles`, { metadata: { name: 'writer' }, rules });
  await created(rig, `${rbac}/clusterrolebindings`, bindingOf('writer', 'ClusterRole', 'writer', 'alice'));
  return rig;
}

test('a writer of roles and bindings does not become an administrator', async (t) => {
  const rig = await withAlice(t);
  const asAlice = (url: string, body: Json, method = 'POST') => rig.call(method, url, body, as('alice'));
  const role = (name: string, ...rules: Json[]) => ({ metadata: { name }, rules });
  const bind = (name: string, kind: string, to: string) => bindingOf(name, kind, to, 'alice');

  const admin = await asAlice(`${rbac}/clusterrolebindings`, bind('mine', 'ClusterRole', 'cluster-admin'));
  assert.equal(admin.code, 403);
  assert.equal(
    admin.body.message,
    'clusterrolebindings.rbac.authorization.k8s.io "mine" is forbidden: user "alice" (groups=["system:authenticated"]) ' +
      'is attempting to grant RBAC permissions not currently held:\n' +
      '{APIGroups:["*"], Resources:["*"], Verbs:["*"]}\n{NonResourceURLs:["*"], Verbs:["*"]}',
  );
  assert.equal((await asAlice(`${inDefault}/rolebindings`, bind('mine', 'ClusterRole', 'edit'))).code, 403);

  const secrets = role('s', { apiGroups: [''], resources: ['secrets'], verbs: ['get', 'list'] });
  const refused = await asAlice(`${inDefault}/roles`, secrets);
  assert.match(
    refused.body.message,
    /not currently held:\n\{APIGroups:\[""\], Resources:\["secrets"\], Verbs:\["get" "list"\]\}$/,
  );
  const held = role('c', {
    apiGroups: [''],
    resources: ['configmaps'],
    resourceNames: ['a'],
    verbs: ['get'],
  });
  assert.equal((await asAlice(`${inDefault}/roles`, held)).code, 201);
  const wider = { rules: [{ apiGroups: [''], resources: ['configmaps'], verbs: ['get', 'delete'] }] };
  const merge = { 'content-type': 'application/merge-patch+json' };
  const patch = (body: Json) => rig.call('PATCH', `${inDefault}/roles/c`, body, { ...as('alice'), ...merge });
  assert.match((await patch(wider)).body.message, /Verbs:\["delete"\]/);
  assert.equal((await patch({ metadata: { labels: { a: 'b' } } })).code, 200);
  const applied = await rig.call(
    'PATCH',
    `${inDefault}/roles/c?fieldManager=x&force=true`,
    { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role', metadata: { name: 'c' }, ...wider },
    { ...as('alice'), 'content-type': 'application/apply-patch+yaml' },
  );
  assert.equal(applied.code, 403, applied.text);
  assert.equal((await asAlice(`${inDefault}/rolebindings`, bind('held', 'Role', 'c'))).code, 201);
  assert.equal((await asAlice(`${inDefault}/rolebindings`, bind('none', 'Role', 'none'))).code, 404);
  const aggregating = {
    metadata: { name: 'everything' },
    aggregationRule: {
      clusterRoleSelectors: [{ matchExpressions: [{ key: 'x', operator: 'DoesNotExist' }] }],
    },
  };
  assert.match(
    (await asAlice(`${rbac}/clusterroles`, aggregating)).body.message,
    /must have cluster-admin privileges to use the aggregationRule$/,
  );
  assert.equal(
    (await rig.call('GET', '/api/v1/namespaces/default/secrets', undefined, as('alice'))).code,
    403,
  );
});

test('who may escalate, or bind a role, does', async (t) => {
  const rig = await withAlice(t);
  const group = 'rbac.authorization.k8s.io';
  await created(rig, `${rbac}/clusterroles`, {
    metadata: { name: 'special' },
    rules: [
      { apiGroups: [group], resources: ['roles'], verbs: ['escalate'] },
      { apiGroups: [group], resources: ['clusterroles'], resourceNames: ['edit'], verbs: ['bind'] },
    ],
  });
  await created(rig, `${rbac}/clusterrolebindings`, bindingOf('special', 'ClusterRole', 'special', 'alice'));
  const asAlice = (url: string, body: Json) => rig.call('POST', url, body, as('alice'));
  const secrets = { metadata: { name: 's' }, rules: [allOf('', 'secrets')] };
  assert.equal((await asAlice(`${inDefault}/roles`, secrets)).code, 201);
  const bind = (role: string) =>
    asAlice(`${inDefault}/rolebindings`, bindingOf(role, 'ClusterRole', role, 'alice'));
  assert.equal((await bind('edit')).code, 201);
  assert.equal((await bind('admin')).code, 403);
});

test('admin, edit and view have what they select, and what is added to them', async (t) => {
  const rig = await open(t, { controllers: true });
  const rulesOf = async (name: string) => {
    const { body } = await rig.call('GET', `${rbac}/clusterroles/${name}`);
    return JSON.stringify(body.rules);
  };
  await eventually(async () =>
    assert.match(await rulesOf('admin'), /rolebindings.*configmaps|configmaps.*rolebindings/),
  );
  await created(rig, `${rbac}/clusterroles`, {
    metadata: { name: 'shops', labels: { 'rbac.authorization.k8s.io/aggregate-to-view': 'true' } },
    rules: [{ apiGroups: ['example.com'], resources: ['shops'], verbs: ['get'] }],
  });
  for (const name of ['view', 'edit', 'admin']) {
    await eventually(async () => assert.match(await rulesOf(name), /example\.com/, name));
  }
  assert.doesNotMatch(await rulesOf('view'), /secrets/);
  assert.doesNotMatch(await rulesOf('edit'), /rolebindings/);
  await rig.call('DELETE', `${rbac}/clusterroles/shops`);
  for (const name of ['view', 'edit', 'admin']) {
    await eventually(async () => assert.doesNotMatch(await rulesOf(name), /example\.com/, name));
  }
});

test('every header of an impersonation needs its own permission', async (t) => {
  const rig = await open(t);
  const me = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
  const asBob = (more: Record<string, string>) => rig.call('POST', me, { spec: {} }, more);
  const whole = await asBob(
    as('bob', {
      'impersonate-uid': 'u1',
      'impersonate-extra-acme.com%2fscope': 'a',
      'impersonate-group': 'g',
    }),
  );
  assert.deepEqual(whole.body.status.userInfo, {
    username: 'bob',
    uid: 'u1',
    groups: ['g', 'system:authenticated'],
    extra: { 'acme.com/scope': ['a'] },
  });
  assert.equal((await asBob({ 'impersonate-uid': 'u1' })).code, 500);

  // bob may impersonate the user carol, and nothing of her but that.
  await created(rig, `${rbac}/clusterroles`, {
    metadata: { name: 'become' },
    rules: [{ apiGroups: [''], resources: ['users'], resourceNames: ['carol'], verbs: ['impersonate'] }],
  });
  const account = { kind: 'ServiceAccount', name: 'default', namespace: 'default' };
  await created(rig, `${rbac}/clusterrolebindings`, {
    ...bindingOf('become', 'ClusterRole', 'become', ''),
    subjects: [account],
  });
  const { body } = await rig.call('POST', '/api/v1/namespaces/default/serviceaccounts/default/token', {
    spec: {},
  });
  const asAccount = async (more: Record<string, string>) => {
    const response = await fetchWithToken(rig, me, body.status.token, more);
    return { code: response.code, message: String(response.body.message ?? '') };
  };
  assert.equal((await asAccount(as('carol'))).code, 201);
  for (const [more, what] of [
    [{ 'impersonate-uid': 'u' }, /uids\.authentication\.k8s\.io "u" is forbidden/],
    [{ 'impersonate-group': 'g' }, /groups "g" is forbidden/],
    [
      { 'impersonate-extra-scopes': 's' },
      /userextras\.authentication\.k8s\.io "s" is forbidden: .*resource "userextras\/scopes"/,
    ],
  ] as const) {
    const { code, message } = await asAccount(as('carol', more as never as Record<string, string>));
    assert.equal(code, 403, message);
    assert.match(message, what);
  }
  const other = await asAccount(as('system:serviceaccount:kube-system:default'));
  assert.match(other.message, /serviceaccounts "default" is forbidden: .* in the namespace "kube-system"$/);
});

test('a token is good for its audiences only, and while what it is bound to exists', async (t) => {
  const rig = await open(t);
  const own = 'https://kubernetes.default.svc.cluster.local';
  const request = '/api/v1/namespaces/default/serviceaccounts/default/token';
  const tokenFor = async (spec: Json) => {
    const { code, body, text } = await rig.call('POST', request, { spec });
    assert.equal(code, 201, text);
    return body.status.token as string;
  };
  const me = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
  const works = async (token: string) => (await fetchWithToken(rig, me, token)).code;
  const reviewed = async (token: string, audiences?: string[]) => {
    const { body } = await rig.call('POST', '/apis/authentication.k8s.io/v1/tokenreviews', {
      spec: { token, ...(audiences ? { audiences } : {}) },
    });
    return body.status;
  };
  const [mine, vault] = [await tokenFor({}), await tokenFor({ audiences: ['vault'] })];
  assert.deepEqual([await works(mine), await works(vault)], [201, 401]);
  assert.equal((await reviewed(vault)).authenticated, false);
  const { authenticated, audiences } = await reviewed(vault, ['other', 'vault']);
  assert.deepEqual([authenticated, audiences], [true, ['vault']]);
  assert.deepEqual((await reviewed(mine)).audiences, [own]);

  await created(rig, '/api/v1/namespaces/default/secrets', { metadata: { name: 's' } });
  const refs: [Json, number][] = [
    [{ apiVersion: 'v1', kind: 'Secret', name: 'none' }, 404],
    [{ apiVersion: 'v1', kind: 'Secret', name: 's', uid: 'other' }, 409],
    [{ apiVersion: 'v1', kind: 'ConfigMap', name: 's' }, 400],
  ];
  for (const [boundObjectRef, code] of refs) {
    const answer = await rig.call('POST', request, { spec: { boundObjectRef } });
    assert.equal(answer.code, code, answer.text);
  }
  const bound = await tokenFor({ boundObjectRef: { apiVersion: 'v1', kind: 'Secret', name: 's' } });
  assert.equal(await works(bound), 201);
  await rig.call('DELETE', '/api/v1/namespaces/default/secrets/s');
  assert.equal(await works(bound), 401);
  await created(rig, '/api/v1/namespaces/default/secrets', { metadata: { name: 's' } });
  assert.equal(await works(bound), 401, 'another one of this name is not the one');
});

/** A request with a bearer token, and without the certificate of the administrator. */
async function fetchWithToken(
  rig: Rig,
  url: string,
  token: string,
  headers: Record<string, string> = {},
): Promise<{ code: number; body: Json }> {
  const { code, body } = await rig.call(
    'POST',
    url,
    { spec: {} },
    { authorization: `Bearer ${token}`, ...headers },
  );
  return { code, body };
}
