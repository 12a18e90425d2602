// Pods of the children in a namespace that admits only Pod Security "restricted", and what an owner may say about it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { enforceLabel, restricted, wantsRestricted } from '../../../src/workloads/pod-security.ts';

const container = (name: string) => ({ name, image: 'a' });
const body = { spec: { replicas: 1, template: { metadata: {}, spec: { containers: [container('c')] } } } };

test('the owner decides, and where it says nothing, its namespace', () => {
  const enforcing = { [enforceLabel]: 'restricted' };
  assert.equal(wantsRestricted({}, enforcing), true);
  assert.equal(wantsRestricted({}, { [enforceLabel]: 'baseline' }), false);
  assert.equal(wantsRestricted({}, undefined), false);
  assert.equal(wantsRestricted({ podSecurity: 'AsImage' }, enforcing), false);
  assert.equal(wantsRestricted({ podSecurity: 'Restricted' }, {}), true);
});

test('every container and the pod have what "restricted" asks for', () => {
  const own = { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } };
  const initial = { ...body.spec.template.spec, initContainers: [container('i')] };
  const template = { ...body.spec.template, spec: initial };
  assert.deepEqual(restricted({ spec: { ...body.spec, template } }), {
    spec: {
      replicas: 1,
      template: {
        metadata: {},
        spec: {
          initContainers: [{ ...container('i'), securityContext: own }],
          containers: [{ ...container('c'), securityContext: own }],
          securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
        },
      },
    },
  });
});

test('a child without pods stays as it is', () => {
  for (const other of [{ spec: { type: 'ClusterIP' } }, { data: {} }, {}])
    assert.equal(restricted(other), other);
});
