// The scenarios on the cluster of the current kubeconfig context: not part of `npm test`, since it writes to it.
// Its API server must reach this machine at 127.0.0.1, as kind's, k3d's and minikube's do on the host network.
import { runScenarios } from './run.ts';

await runScenarios('current');
