// Runs in the cluster's namespaces: builds up the node in there, or starts one of its programs again.
//   node inside.ts up FOLDER
//   node inside.ts start FOLDER PROGRAM
// Its programs outlive it. Started by cluster.ts only.

import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { get as httpGet } from 'node:http';
import { get as httpsGet } from 'node:https';
import { join } from 'node:path';
import { startControlPlane } from '../control-plane/control-plane.ts';
import { type Program, startProgram, waitUntil } from '../control-plane/process.ts';
import { Running } from '../control-plane/running.ts';
import * as controlPlaneState from '../control-plane/state.ts';
import { type Addresses, addressesOf } from './addresses.ts';
import { makeCertificates, type NodeFiles } from './certificates.ts';
import { run } from './commands.ts';
import {
  containerdConfig,
  containerdSocket,
  controlPlaneFlags,
  controlPlanePorts,
  kubeletConfig,
  kubeletFlags,
  mountPoints,
  networkConfig,
  proxyFlags,
  schedulerFlags,
} from './configuration.ts';
import { findPrograms, type Programs } from './programs.ts';
import {
  type ClusterState,
  layoutOf,
  type ProgramName,
  readPrograms,
  readState,
  writePrograms,
} from './state.ts';

const readyWithinMs = 60_000;
const [command = '', dir = '', name = ''] = process.argv.slice(2);
const layout = layoutOf(dir);
const state = readState(dir);
if (!state) throw new Error(`${dir} holds no cluster`);
const log = (line: string) => console.log(line);

if (command === 'up') await up(state);
else if (command === 'start') await startAgain(name);
else throw new Error(`unknown command ${command}`);

async function up(cluster: ClusterState): Promise<void> {
  const addresses = addressesOf(cluster.number);
  await mountOwnFolders();
  await configureNetwork(addresses);
  const programs = await findPrograms();
  const files = await makeCertificates(dir, addresses);
  writeConfiguration(cluster, addresses, programs, files);
  const own = programsOf(addresses, programs, files);
  const flags = controlPlaneFlags({ addresses, layout, serviceAccountKey: files.serviceAccountKey });
  await Promise.all([
    startOwn(own.containerd),
    startControlPlane({
      dir: layout.controlPlane,
      binaries: programs.binaries,
      ports: controlPlanePorts,
      detached: true,
      extraArgs: flags,
      log,
    }),
  ]);
  // kube-proxy waits for the node, which the kubelet makes.
  for (const program of [own.kubelet, own['kube-proxy'], own['kube-scheduler']]) await startOwn(program);
}

async function mountOwnFolders(): Promise<void> {
  // -n: mount keeps no notes of its own, which it would leave in the machine's /run.
  // What the kubelet mounts must be seen by containerd, and by containers that ask for it.
  await run('mount', ['-n', '--make-rshared', '/']);
  await run('mount', ['-n', '-t', 'tmpfs', '-o', 'mode=755', 'tmpfs', '/run']);
  for (const path of mountPoints) {
    const folder = join(layout.mounts, path.replaceAll('/', '_'));
    mkdirSync(folder, { recursive: true });
    await run('mount', ['-n', '--bind', folder, path]);
  }
}

async function configureNetwork({ link, node, services }: Addresses): Promise<void> {
  const ip = (...args: string[]) => run('ip', args);
  await ip('link', 'set', 'lo', 'up');
  await ip('address', 'add', `${link.cluster}/${link.prefix}`, 'dev', 'eth0');
  await ip('link', 'set', 'eth0', 'up');
  await ip('link', 'add', 'cni0', 'type', 'bridge');
  await ip('address', 'add', `${node}/24`, 'dev', 'cni0');
  await ip('link', 'set', 'cni0', 'up');
  // The API server calls webhooks by their services' addresses. Without a route the kernel refuses before kube-proxy's
  // rules name the pod.
  await ip('route', 'add', services, 'dev', 'cni0');
  const set = (setting: string, value: string) => writeFileSync(`/proc/sys/net/${setting}`, value);
  set('ipv4/ip_forward', '1');
  // Pods reach each other through services only when the bridge's traffic passes kube-proxy's rules.
  await run('modprobe', ['br_netfilter']).catch(() => {});
  set('bridge/bridge-nf-call-iptables', '1');
}

function writeConfiguration(
  cluster: ClusterState,
  addresses: Addresses,
  { bin, runc }: Programs,
  { caFile }: NodeFiles,
): void {
  const write = (path: string, text: string) => {
    mkdirSync(join(layout.config, path, '..'), { recursive: true, mode: 0o700 });
    writeFileSync(join(layout.config, path), text, { mode: 0o600 });
  };
  mkdirSync(layout.logs, { recursive: true });
  write('containerd.toml', containerdConfig({ layout, bin, runc }));
  write('cni/pods.conflist', networkConfig(addresses));
  write('kubelet.yaml', kubeletConfig({ addresses, group: cluster.group, layout, ca: caFile }));
  // No name outside of the cluster is known in it.
  write('resolv.conf', '');
}

type OwnProgram = Program & { name: ProgramName };

function programsOf(
  addresses: Addresses,
  programs: Programs,
  { kubeconfig }: NodeFiles,
): Record<ProgramName, OwnProgram> {
  const flags = { addresses, layout, kubeconfig };
  const program = (name: ProgramName, path: string, args: string[]): OwnProgram => {
    return { name, path, args, logFile: join(layout.logs, `${name}.log`) };
  };
  // containerd finds its shim on the PATH.
  const path = `PATH=${programs.bin}:${process.env.PATH}`;
  const containerd = [path, programs.containerd, '--config', join(layout.config, 'containerd.toml')];
  return {
    containerd: program('containerd', 'env', containerd),
    'kube-scheduler': program('kube-scheduler', programs.scheduler, schedulerFlags(flags)),
    'kube-proxy': program('kube-proxy', programs.proxy, proxyFlags(flags)),
    kubelet: program('kubelet', programs.kubelet, kubeletFlags(flags)),
  };
}

async function startOwn(program: OwnProgram): Promise<void> {
  const running = { ...(await startProgram(program, { detached: true })), name: program.name };
  writePrograms(dir, [...readPrograms(dir).filter((other) => other.name !== program.name), running]);
  await waitUntil(running, () => isReady(program.name), readyWithinMs);
  log(`${program.name} is ready`);
}

async function isReady(program: ProgramName): Promise<boolean> {
  if (program === 'containerd') return existsSync(containerdSocket);
  const health = {
    'kube-scheduler': 'https://127.0.0.1:10259/healthz',
    'kube-proxy': 'http://127.0.0.1:10256/livez',
    kubelet: 'http://127.0.0.1:10248/healthz',
  };
  return (await fetchStatus(health[program])) === 200;
}

/** None of the programs but the API server has a certificate that is worth a check; it is asked here whether it lives. */
function fetchStatus(url: string): Promise<number | undefined> {
  const get = url.startsWith('https:') ? httpsGet : httpGet;
  return new Promise((resolve, reject) => {
    const call = get(url, { agent: false, timeout: 5_000, rejectUnauthorized: false }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    call.on('timeout', () => call.destroy(new Error('no answer')));
    call.on('error', reject);
  });
}

/** Starts a program that was stopped, of the control plane or of the node, as it was started before. */
async function startAgain(wanted: string): Promise<void> {
  const own = readPrograms(dir).find((program) => program.name === wanted);
  if (own) return startOwn(own);
  const before = controlPlaneState.readState(layout.controlPlane);
  const program = before?.programs.find((other) => other.name === wanted);
  if (!before || !program) throw new Error(`${wanted} was not started in ${dir}`);
  await new Running(layout.controlPlane, before, false).start(program);
}
