// How a cluster of one node finds its place on a machine: its addresses, its control group, and what it refuses.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addressesOf, freeNumbers } from '../../cluster/addresses.ts';
import { refuseOtherMachines } from '../../cluster/commands.ts';
import { treesOf } from '../../cluster/control-groups.ts';
import { differences } from '../../cluster/machine.ts';

test('a cluster takes no range that the machine has a route or an address in', () => {
  assert.equal(freeNumbers([])[0], 215);
  assert.equal(freeNumbers(['default', '0.0.0.0/0', '192.168.0.0/16', '10.0.0.0/17'])[0], 215);
  assert.equal(freeNumbers(['10.215.3.0/24', '10.216.255.255'])[0], 217);
  assert.equal(freeNumbers(['10.208.0.0/12'])[0], 224);
  assert.deepEqual(freeNumbers(['10.0.0.0/8']), []);
  assert.equal(freeNumbers(['fe80::/64', 'ff00::/8'])[0], 215);
});

test('all addresses of a cluster are in its range, each where its part of Kubernetes expects it', () => {
  const { link, ...addresses } = addressesOf(217);
  for (const address of [...Object.values(addresses).map(String), link.host, link.cluster]) {
    if (address !== '217') assert.match(address, /^10\.217\./);
  }
  assert.equal(addresses.kubernetes, '10.217.128.1');
  assert.equal(addresses.node, '10.217.0.1');
});

test('the trees of control groups are those of version 1, then that of version 2', () => {
  const line = (path: string, type: string) => `30 29 0:26 / ${path} rw,relatime shared:9 - ${type} none rw`;
  const hybrid = [
    line('/sys/fs/cgroup', 'tmpfs'),
    line('/sys/fs/cgroup/unified', 'cgroup2'),
    line('/sys/fs/cgroup/cpu,cpuacct', 'cgroup'),
    line('/sys/fs/cgroup/pids', 'cgroup'),
  ];
  const expected = ['/sys/fs/cgroup/pids', '/sys/fs/cgroup/cpu,cpuacct', '/sys/fs/cgroup/unified'];
  assert.deepEqual(treesOf(hybrid.join('\n')), expected);
  assert.deepEqual(treesOf(line('/sys/fs/cgroup', 'cgroup2')), ['/sys/fs/cgroup']);
});

test('on another system, or without root, one line says what a cluster needs', () => {
  assert.throws(
    () => refuseOtherMachines('darwin', 0),
    /^Error: a cluster needs Linux; this machine runs darwin$/,
  );
  assert.throws(() => refuseOtherMachines('linux', 1000), /^Error: a cluster needs root: .+$/);
  assert.doesNotThrow(() => refuseOtherMachines('linux', 0));
});

test('what a cluster left behind is told, and not what other clusters and programs did meanwhile', () => {
  const before = { routes: ['10.215.0.0/16 dev spikegate-215'], processes: [], files: ['/run/netns'] };
  const after = {
    routes: ['10.21.0.0/16 dev spikegate-21', '10.9.0.0/16 dev eth7'],
    processes: [
      '7 /spikegate-215/programs etcd',
      '8 / etcd --data-dir=/tmp/a/etcd',
      '9 /spikegate-21/kubepods pause',
    ],
    files: [],
  };
  assert.deepEqual(differences(before, after, { group: 'spikegate-21', dir: '/tmp/a' }), [
    'routes: + 10.21.0.0/16 dev spikegate-21',
    'routes: + 10.9.0.0/16 dev eth7',
    'processes: + 8 / etcd --data-dir=/tmp/a/etcd',
    'processes: + 9 /spikegate-21/kubepods pause',
    'files: - /run/netns',
  ]);
});
