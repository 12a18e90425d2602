// ImoocPod: a number of bare pods.
import { defineKind, type ObjectOf } from './define-kind.ts';
import {
  choice,
  conditions,
  int,
  listOf,
  object,
  observedGeneration,
  optional,
  type Static,
  text,
} from './schema.ts';

const maxPods = 1000;

const spec = object({
  replicas: optional(int(0, maxPods, { description: 'Pods that should run.', default: 1 })),
});

const status = object({
  phase: optional(
    choice(['Pending', 'Progressing', 'Degraded', 'Ready'], { description: 'The state in a word.' }),
  ),
  replicas: optional(int(0, 1_000_000, { description: 'Pods that run or are about to.' })),
  readyReplicas: optional(int(0, 1_000_000, { description: 'Pods that are ready.' })),
  podNames: optional(
    listOf(text(253, { description: 'Name of a pod.' }), maxPods, {
      description: 'Names of the pods, sorted.',
    }),
  ),
  selector: optional(text(1024, { description: 'Selects the pods; for the scale subresource.' })),
  observedGeneration,
  conditions,
});

export const ImoocPod = defineKind({
  group: 'batch.tutorial.kubebuilder.io',
  version: 'v1alpha1',
  kind: 'ImoocPod',
  plural: 'imoocpods',
  singular: 'imoocpod',
  shortNames: [],
  description: 'A number of bare pods.',
  spec,
  status,
  scale: {
    specReplicasPath: '.spec.replicas',
    statusReplicasPath: '.status.replicas',
    labelSelectorPath: '.status.selector',
  },
  printerColumns: [
    { name: 'Desired', type: 'integer', jsonPath: '.spec.replicas' },
    { name: 'Pods', type: 'integer', jsonPath: '.status.replicas' },
    { name: 'Ready', type: 'integer', jsonPath: '.status.readyReplicas' },
    { name: 'Phase', type: 'string', jsonPath: '.status.phase' },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  ],
});
export type ImoocPod = ObjectOf<typeof ImoocPod>;
export type ImoocPodStatus = Static<typeof status>;
