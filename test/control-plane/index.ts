// A real control plane for tests and benches: what they may import.

export { callApi } from './api.ts';
export { type Binaries, explainNotFound, findBinaries } from './binaries.ts';

export {
  openControlPlane,
  type StartOptions,
  startControlPlane,
} from './control-plane.ts';
export { kubeconfigFor } from './kubeconfig.ts';
export type { ControlPlane } from './running.ts';
