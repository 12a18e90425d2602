// Stands in for the node a real control plane of ours has not: pods become ready, so that roll-outs end.

import { type ControlPlane, callApi } from '../../control-plane/index.ts';

interface Pod {
  metadata: { name: string; namespace: string };
  status: { phase?: string };
}

export function nodeStandIn(plane: ControlPlane): { stop(): void } {
  let stopped = false;
  const conditions = [
    { type: 'Ready', status: 'True' },
    { type: 'ContainersReady', status: 'True' },
  ];
  const body = { status: { phase: 'Running', conditions } };
  const round = async () => {
    const { body: list } = await callApi(plane, 'GET', '/api/v1/pods?fieldSelector=status.phase=Pending');
    for (const { metadata } of (list.items ?? []) as Pod[]) {
      const path = `/api/v1/namespaces/${metadata.namespace}/pods/${metadata.name}/status`;
      await callApi(plane, 'PATCH', path, { body, contentType: 'application/merge-patch+json' });
    }
  };
  const loop = async () => {
    while (!stopped) {
      await round().catch(() => {});
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
  };
  void loop();
  return {
    stop() {
      stopped = true;
    },
  };
}
