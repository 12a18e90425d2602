// How many test files run at once. Node's own choice, one less than the cores, leaves two cores nearly idle.
import { availableParallelism } from 'node:os';

/** Most of a scenario on the sandbox is waiting, for leases, windows and roll-outs; a control plane keeps a core busy. */
export const atOnce = ({ withControlPlane }: { withControlPlane: boolean }): number =>
  withControlPlane ? Math.max(2, availableParallelism()) : 2 * availableParallelism();
