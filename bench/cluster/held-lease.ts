// A lease that the bench holds: the replicas admit orders, and nobody leads until it is released.
import { type Lease, leaseResource, microTime } from '../../src/kube/lease-record.ts';
import { deployment } from '../../src/manifests/generated.ts';
import type { SaleCluster } from './sale-cluster.ts';

export interface HeldLease {
  /** Nobody holds it any more: whoever looks next leads. */
  release(): Promise<void>;
}

/** Somebody else leads, as far as the replicas can see: they admit orders and nobody accepts them. */
export async function holdLease({ admin }: SaleCluster): Promise<HeldLease> {
  const key = { namespace: deployment.namespace, name: deployment.lease };
  const spec = () => {
    const now = microTime(Date.now());
    return { holderIdentity: 'bench', leaseDurationSeconds: 15, acquireTime: now, renewTime: now };
  };
  const put = (patch: object) => admin.patch<Lease>(leaseResource, key, { spec: patch }, { type: 'merge' });
  await admin.create(leaseResource, {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: key,
    spec: { ...spec(), leaseTransitions: 1 },
  });
  const timer = setInterval(() => void put(spec()).catch(() => {}), 3000);
  return {
    async release() {
      clearInterval(timer);
      await put({ holderIdentity: '', leaseDurationSeconds: 1 });
    },
  };
}
