// The resources that the doctor and the uninstaller read, besides our own kinds.
import { definitions as definitionsResource } from '../kube/discovery.ts';
import type { KubeObject, Resource } from '../kube/objects.ts';
import type {
  Definition,
  EndpointSlice,
  Namespace,
  OwnDeployment,
  Pod,
  WebhookConfiguration,
} from './observation.ts';

const builtin = <T extends KubeObject>(
  group: string,
  kind: string,
  namespaced: boolean,
  plural = `${kind.toLowerCase()}s`,
): Resource<T> => ({ group, version: 'v1', kind, plural, namespaced });

export const definitions = definitionsResource as Resource<Definition>;
export const mutatingConfigurations = builtin<WebhookConfiguration>(
  'admissionregistration.k8s.io',
  'MutatingWebhookConfiguration',
  false,
);
export const validatingConfigurations = builtin<WebhookConfiguration>(
  'admissionregistration.k8s.io',
  'ValidatingWebhookConfiguration',
  false,
);
export const services = builtin<KubeObject>('', 'Service', true);
export const endpointSlices = builtin<EndpointSlice>('discovery.k8s.io', 'EndpointSlice', true);
export const secrets = builtin<KubeObject & { data?: Record<string, string> }>('', 'Secret', true);
export const namespaces = builtin<Namespace>('', 'Namespace', false);
export const pods = builtin<Pod>('', 'Pod', true);
export const deployments = builtin<OwnDeployment>('apps', 'Deployment', true);
