import assert from 'node:assert/strict';
import { test } from 'node:test';
import { apiserverFlags, controllerManagerFlags, etcdFlags, minorOf } from './flags.ts';
import { pkiFiles } from './pki.ts';

const ports = { apiserver: 6443, etcd: 2379, controllerManager: 10257 };
const server = (version: string) => ({ version, ports, pki: pkiFiles('/pki') });

test('only an old controller manager is told to keep its second port closed', () => {
  const flags = (version: string) => controllerManagerFlags({ ...server(version), kubeconfig: '/k' });
  assert.ok(flags('v1.20.2').includes('--port=0'));
  assert.ok(!flags('v1.34.1').some((flag) => flag.startsWith('--port')));
});

test('feature gates are set only when asked for', () => {
  const flags = (featureGates?: Record<string, boolean>) =>
    apiserverFlags({
      ...server('v1.20.2'),
      tokenFile: '/t',
      controllerManager: true,
      ...(featureGates && { featureGates }),
    });
  assert.ok(!flags().some((flag) => flag.startsWith('--feature-gates')));
  assert.ok(flags({ A: true, B: false }).includes('--feature-gates=A=true,B=false'));
});

test('without a controller manager Pods need no service account', () => {
  const flags = apiserverFlags({ ...server('v1.34.1'), tokenFile: '/t', controllerManager: false });
  assert.ok(flags.includes('--disable-admission-plugins=ServiceAccount'));
});

test('every address is on this machine alone', () => {
  const all = [
    ...etcdFlags({ dataDir: '/d', ports, fsync: true }),
    ...apiserverFlags({ ...server('v1.20.2'), tokenFile: '/t', controllerManager: true }),
    ...controllerManagerFlags({ ...server('v1.20.2'), kubeconfig: '/k' }),
  ];
  const addresses = all.filter((flag) => /^--(listen|bind|advertise)/.test(flag));
  assert.equal(addresses.length, 6);
  for (const flag of addresses) assert.match(flag, /=(http:\/\/)?127\.0\.0\.1(:\d+)?$/);
});

test('a version that is none is refused by name', () => {
  assert.equal(minorOf('v1.34.0-rc.1'), 34);
  assert.throws(() => minorOf('v0.0'), /got v0\.0/);
});
