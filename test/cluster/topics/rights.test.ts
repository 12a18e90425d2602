// What each account may not do, tried with a real token of it: Spikegate's own, a viewer's, an editor's, and the account
// that every pod of a shop has.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { callApi } from '../../control-plane/api.ts';
import { Lab, release } from '../harness.ts';

/** A request as `kubectl --raw` would send it. */
interface Try {
  method: string;
  path: string;
  body?: object;
}

const sale = '/apis/myapp.spike.com/v1/namespaces';
const dryRun = '?dryRun=All';
const named = (name: string, more: object = {}) => ({ metadata: { name }, ...more });

describe('rights', () => {
  let lab: Lab;
  before(async () => {
    lab = await Lab.open();
    await lab.install();
  });
  after(async () => {
    await lab.uninstall();
    lab.close();
  });

  /** A token of a service account, as the API server gives it to a pod. */
  const tokenOf = async (namespace: string, name: string): Promise<string> => {
    const token = await lab.kubectl(['create', 'token', name, '--namespace', namespace]);
    return token.trim();
  };

  const assertAll = async (
    token: string,
    tries: Record<string, Try>,
    expected: (status: number) => boolean,
  ) => {
    const wrong: string[] = [];
    for (const [what, { method, path, body }] of Object.entries(tries)) {
      const contentType = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
      const answer = await callApi(lab.cluster, method, path, { token, contentType, ...(body && { body }) });
      if (!expected(answer.status)) wrong.push(`${what}: ${answer.status} ${answer.body.message ?? ''}`);
    }
    assert.deepEqual(wrong, []);
  };
  const isForbidden = (status: number) => status === 403;
  const isAllowed = (status: number) => status < 300;

  test("Spikegate's account makes no rights, opens no pod, and changes no webhooks or kinds of others", async () => {
    const token = await tokenOf(release.namespace, release.name);
    const rbac = '/apis/rbac.authorization.k8s.io/v1';
    const admission = '/apis/admissionregistration.k8s.io/v1';
    const binding = {
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
      subjects: [{ kind: 'ServiceAccount', name: release.name, namespace: release.namespace }],
    };
    const [pod] = await lab.replicas();
    const own = `/api/v1/namespaces/${release.namespace}`;
    await assertAll(
      token,
      {
        'bind cluster-admin': {
          method: 'POST',
          path: `${rbac}/clusterrolebindings${dryRun}`,
          body: named('mine', binding),
        },
        'make a role': {
          method: 'POST',
          path: `${rbac}/clusterroles${dryRun}`,
          body: named('mine', { rules: [{ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }] }),
        },
        'a token of another account': {
          method: 'POST',
          path: '/api/v1/namespaces/kube-system/serviceaccounts/default/token',
          body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} },
        },
        'run a command in a pod': {
          method: 'POST',
          path: `${own}/pods/${pod?.metadata.name}/exec?command=ls`,
        },
        'delete a namespace': { method: 'DELETE', path: `/api/v1/namespaces/default${dryRun}` },
        'delete a kind': {
          method: 'DELETE',
          path: `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/buyers.myapp.spike.com${dryRun}`,
        },
        'delete its own webhooks': {
          method: 'DELETE',
          path: `${admission}/validatingwebhookconfigurations/${release.name}${dryRun}`,
        },
        'make webhooks': {
          method: 'POST',
          path: `${admission}/mutatingwebhookconfigurations${dryRun}`,
          body: named('mine', { webhooks: [] }),
        },
        'write a node': {
          method: 'PATCH',
          path: `/api/v1/nodes/node${dryRun}`,
          body: { metadata: { labels: { mine: 'yes' } } },
        },
        'make an order': {
          method: 'POST',
          path: `${sale}/default/spikeorders${dryRun}`,
          body: {
            apiVersion: 'myapp.spike.com/v1',
            kind: 'SpikeOrder',
            ...named('mine'),
            spec: { buyerId: 'ann', goodsMap: { phone: 1 } },
          },
        },
        'delete an order': { method: 'DELETE', path: `${sale}/default/spikeorders/mine${dryRun}` },
      },
      isForbidden,
    );
  });

  test('one who may view reads the sale and writes none of it; one who may edit writes it, and no status', async (t) => {
    const namespace = await lab.namespace(t);
    for (const role of ['view', 'edit']) {
      await lab.kubectl(['create', 'serviceaccount', role, '--namespace', namespace]);
      const account = ['--clusterrole', role, '--serviceaccount', `${namespace}:${role}`];
      await lab.kubectl(['create', 'rolebinding', role, '--namespace', namespace, ...account]);
    }
    const buyer = {
      apiVersion: 'myapp.spike.com/v1',
      kind: 'Buyer',
      ...named('ann'),
      spec: { buyerName: 'Ann', phone: '1', address: 'here' },
    };
    const buyers = `${sale}/${namespace}/buyers`;
    const read: Record<string, Try> = {
      'list buyers': { method: 'GET', path: buyers },
      'list orders': { method: 'GET', path: `${sale}/${namespace}/spikeorders` },
    };
    const write: Record<string, Try> = {
      'make a buyer': { method: 'POST', path: buyers, body: buyer },
      'change the buyer': { method: 'PATCH', path: `${buyers}/ann`, body: { spec: { phone: '2' } } },
    };
    const remove: Record<string, Try> = {
      'delete the buyer': { method: 'DELETE', path: `${buyers}/ann` },
    };
    const beyond: Record<string, Try> = {
      'write a status': {
        method: 'PATCH',
        path: `${buyers}/ann/status`,
        body: { status: { spendMoney: 9 } },
      },
      'read another namespace': { method: 'GET', path: `${sale}/default/buyers` },
    };
    const viewer = await tokenOf(namespace, 'view');
    await assertAll(viewer, read, isAllowed);
    await assertAll(viewer, { ...write, ...remove, ...beyond }, isForbidden);
    const editor = await tokenOf(namespace, 'edit');
    await assertAll(editor, { ...read, ...write }, isAllowed);
    await assertAll(editor, beyond, isForbidden);
  });

  test('the account that the pods of a shop have may do nothing with the sale', async (t) => {
    const namespace = await lab.namespace(t);
    const token = await tokenOf(namespace, 'default');
    const paths = ['buyers', 'sellers', 'spikegoods', 'spikeorders'];
    const tries = Object.fromEntries(
      paths.map((plural) => [`list ${plural}`, { method: 'GET', path: `${sale}/${namespace}/${plural}` }]),
    );
    await assertAll(token, tries, isForbidden);
  });
});
