// A real control plane for tests and benches: what they may import.

export { type Answer, callApi, type Target } from './api.ts';
export { type Binaries, cacheFolder, explainNotFound, findBinaries, type NotFound } from './binaries.ts';
export { buildControlPlane, ensureBinaries } from './build.ts';
export {
  openControlPlane,
  type StartOptions,
  startControlPlane,
  stopControlPlane,
  type TestUser,
} from './control-plane.ts';
export { kubeconfigFor, kubeconfigText } from './kubeconfig.ts';
export type { ControlPlane } from './running.ts';
