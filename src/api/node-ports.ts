// The ports that a cluster opens on its nodes for Services.

export interface NodePorts {
  first: number;
  last: number;
}

/** What kube-apiserver has unless --service-node-port-range says otherwise. */
export const defaultNodePorts: NodePorts = { first: 30_000, last: 32_767 };
