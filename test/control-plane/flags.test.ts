import assert from 'node:assert/strict';
import { test } from 'node:test';
import { apiserverFlags, controllerManagerFlags, etcdFlags } from './flags.ts';
import { pkiFiles } from './pki.ts';

const ports = { apiserver: 6443, etcd: 2379, controllerManager: 10257 };
const server = { ports, pki: pkiFiles('/pki') };

test('feature gates are set only when asked for', () => {
  const flags = (featureGates?: Record<string, boolean>) =>
    apiserverFlags({
      ...server,
      tokenFile: '/t',
      controllerManager: true,
      ...(featureGates && { featureGates }),
    });
  assert.ok(!flags().some((flag) => flag.startsWith('--feature-gates')));
  assert.ok(flags({ A: true, B: false }).includes('--feature-gates=A=true,B=false'));
});

test('without a controller manager Pods need no service account', () => {
  const flags = apiserverFlags({ ...server, tokenFile: '/t', controllerManager: false });
  assert.ok(flags.includes('--disable-admission-plugins=ServiceAccount'));
});

test('every address is on this machine alone', () => {
  const all = [
    ...etcdFlags({ dataDir: '/d', ports, fsync: true }),
    ...apiserverFlags({ ...server, tokenFile: '/t', controllerManager: true }),
    ...controllerManagerFlags({ ...server, kubeconfig: '/k' }),
  ];
  const addresses = all.filter((flag) => /^--(listen|bind|advertise)/.test(flag));
  assert.equal(addresses.length, 6);
  for (const flag of addresses) assert.match(flag, /=(http:\/\/)?127\.0\.0\.1(:\d+)?$/);
});
