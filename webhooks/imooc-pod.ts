// Admission of ImoocPod: its schema has all rules.
import type { Kind } from '../src/api/define-kind.ts';
import { ImoocPod } from '../src/api/imooc-pod.ts';
import { fillIn, isBeingDeleted } from './shared-rules.ts';
import type { Webhooks } from './webhook.ts';

export const imoocPodWebhooks: Webhooks<ImoocPod> = {
  kind: ImoocPod as Kind,
  defaulting: 'assumed',
  default: (call) => (isBeingDeleted(call) ? call.object : fillIn(call.object, ImoocPod.specDefaults)),
  rules: { CREATE: [], UPDATE: [], DELETE: [] },
};
