// Configuration of a node's programs: texts and flags. Pure.

import { dirname, join } from 'node:path';
import { stringify } from 'yaml';
import type { Addresses } from './addresses.ts';
import type { layoutOf } from './state.ts';

export const nodeName = 'node';
export const clusterDomain = 'cluster.local';
export const pauseImage = 'docker.io/spikegate/pause:1';

/** In the cluster's own mount namespace, where /run is empty at first. */
export const containerdSocket = '/run/containerd/containerd.sock';

/** The usual ones. The cluster has a network of its own, so no other server can have them. */
export const controlPlanePorts = { apiserver: 6443, etcd: 2379, controllerManager: 10257 };

type Layout = ReturnType<typeof layoutOf>;

/** Where the programs of the node keep their files otherwise; the cluster's own are mounted over these. */
export const mountPoints = ['/var/lib/kubelet', '/var/lib/cni', '/var/log', '/tmp/hostpath_pv'] as const;

/**
 * The kubelet sets these for the whole machine when it starts.
 * Source: pkg/kubelet/cm/container_manager_linux.go, setupKernelTunables.
 */
export const kernelSettings = [
  'vm/overcommit_memory',
  'vm/panic_on_oom',
  'kernel/panic',
  'kernel/panic_on_oops',
  'kernel/keys/root_maxkeys',
  'kernel/keys/root_maxbytes',
];

export function containerdConfig(options: { layout: Layout; bin: string; runc: string }): string {
  const { layout, bin, runc } = options;
  const text = JSON.stringify;
  return `version = 3
root = ${text(layout.containerd)}
state = "/run/containerd"

[grpc]
  address = ${text(containerdSocket)}

[plugins.'io.containerd.internal.v1.opt']
  path = ${text(join(layout.containerd, 'opt'))}

[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = ${text(pauseImage)}

[plugins.'io.containerd.cri.v1.runtime']
  # Without the capability CAP_SYS_RESOURCE, which root does not have everywhere, no process may be protected better
  # than its starter is.
  restrict_oom_score_adj = true
  [plugins.'io.containerd.cri.v1.runtime'.cni]
    bin_dirs = [${text(bin)}]
    conf_dir = ${text(join(layout.config, 'cni'))}
  [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
      BinaryName = ${text(runc)}
      SystemdCgroup = false
`;
}

export function networkConfig({ pods }: Addresses): string {
  const bridge = {
    type: 'bridge',
    bridge: 'cni0',
    isGateway: true,
    // A pod reaches itself through its service.
    hairpinMode: true,
    ipam: {
      type: 'host-local',
      dataDir: '/run/cni',
      ranges: [[{ subnet: pods }]],
      routes: [{ dst: '0.0.0.0/0' }],
    },
  };
  const plugins = [bridge, { type: 'portmap', capabilities: { portMappings: true } }];
  return JSON.stringify({ cniVersion: '1.0.0', name: 'pods', plugins }, null, 2);
}

export function kubeletConfig(options: {
  addresses: Addresses;
  group: string;
  layout: Layout;
  ca: string;
}): string {
  const { addresses, group, layout, ca } = options;
  return stringify({
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    authentication: { anonymous: { enabled: false }, webhook: { enabled: true }, x509: { clientCAFile: ca } },
    authorization: { mode: 'Webhook' },
    tlsCertFile: join(layout.pki, 'kubelet-serving.crt'),
    tlsPrivateKeyFile: join(layout.pki, 'kubelet-serving.key'),
    containerRuntimeEndpoint: `unix://${containerdSocket}`,
    cgroupDriver: 'cgroupfs',
    cgroupRoot: `/${group}`,
    // Kubernetes 1.35 and newer refuse version 1 of control groups otherwise.
    failCgroupV1: false,
    failSwapOn: false,
    oomScoreAdj: 0,
    clusterDNS: [addresses.dns],
    clusterDomain,
    resolvConf: join(layout.config, 'resolv.conf'),
    volumePluginDir: join(layout.config, 'volume-plugins'),
    // Images come from archives: one that is collected cannot be pulled again.
    imageGCHighThresholdPercent: 100,
    imageGCLowThresholdPercent: 99,
    // The defaults in percent depend on the machine's disk, which is not the cluster's.
    evictionHard: { 'memory.available': '100Mi', 'nodefs.available': '500Mi', 'imagefs.available': '500Mi' },
    nodeStatusUpdateFrequency: '5s',
    // A Secret that changes is in its pods after this time, 1 min by default.
    syncFrequency: '10s',
    port: 10250,
    healthzPort: 10248,
  });
}

export interface NodeFlags {
  addresses: Addresses;
  layout: Layout;
  kubeconfig: (name: string) => string;
}

export function kubeletFlags({ addresses, layout, kubeconfig }: NodeFlags): string[] {
  return [
    `--config=${join(layout.config, 'kubelet.yaml')}`,
    `--kubeconfig=${kubeconfig('kubelet')}`,
    `--hostname-override=${nodeName}`,
    `--node-ip=${addresses.node}`,
  ];
}

export function schedulerFlags({ kubeconfig }: NodeFlags): string[] {
  const file = kubeconfig('scheduler');
  return [
    `--kubeconfig=${file}`,
    `--authentication-kubeconfig=${file}`,
    `--authorization-kubeconfig=${file}`,
    '--leader-elect=false',
    '--bind-address=127.0.0.1',
  ];
}

export function proxyFlags({ addresses, kubeconfig }: NodeFlags): string[] {
  return [
    `--kubeconfig=${kubeconfig('proxy')}`,
    `--hostname-override=${nodeName}`,
    '--proxy-mode=iptables',
    `--cluster-cidr=${addresses.pods}`,
    '--oom-score-adj=0',
    // Zero leaves them alone: the machine's, not the cluster's.
    '--conntrack-max-per-core=0',
    '--conntrack-tcp-timeout-established=0s',
    '--conntrack-tcp-timeout-close-wait=0s',
    '--iptables-min-sync-period=100ms',
  ];
}

/** Put after the control plane's own flags, so these win. */
export function controlPlaneFlags(options: {
  addresses: Addresses;
  layout: Layout;
  serviceAccountKey: string;
}) {
  const { addresses, layout } = options;
  const pki = (name: string) => join(layout.pki, name);
  return {
    apiserver: [
      // Only this machine and the pods reach the cluster's network.
      '--bind-address=0.0.0.0',
      `--advertise-address=${addresses.node}`,
      '--endpoint-reconciler-type=lease',
      `--service-cluster-ip-range=${addresses.services}`,
      `--tls-cert-file=${pki('apiserver.crt')}`,
      `--tls-private-key-file=${pki('apiserver.key')}`,
      `--kubelet-certificate-authority=${join(dirname(options.serviceAccountKey), 'ca.crt')}`,
      `--kubelet-client-certificate=${pki('apiserver-kubelet.crt')}`,
      `--kubelet-client-key=${pki('apiserver-kubelet.key')}`,
      '--kubelet-preferred-address-types=InternalIP',
      // For APIs that pods serve, such as metrics.k8s.io.
      `--requestheader-client-ca-file=${pki('front-proxy-ca.crt')}`,
      '--requestheader-allowed-names=front-proxy-client',
      '--requestheader-username-headers=X-Remote-User',
      '--requestheader-group-headers=X-Remote-Group',
      '--requestheader-extra-headers-prefix=X-Remote-Extra-',
      `--proxy-client-cert-file=${pki('front-proxy.crt')}`,
      `--proxy-client-key-file=${pki('front-proxy.key')}`,
    ],
    controllerManager: [
      `--service-cluster-ip-range=${addresses.services}`,
      `--cluster-cidr=${addresses.pods}`,
      // Makes a folder for each claim, below /tmp/hostpath_pv.
      '--enable-hostpath-provisioner=true',
      // A test of autoscaling would wait five minutes for pods to go.
      '--horizontal-pod-autoscaler-sync-period=5s',
      '--horizontal-pod-autoscaler-downscale-stabilization=15s',
    ],
  };
}
