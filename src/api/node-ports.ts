// The ports that a cluster opens on its nodes for Services.

export interface NodePorts {
  first: number;
  last: number;
}

/** The default of kube-apiserver's --service-node-port-range. */
export const defaultNodePorts: NodePorts = { first: 30_000, last: 32_767 };
