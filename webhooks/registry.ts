// The table of all webhooks. Routes, webhook configurations and RBAC come from it.
import type { Kind } from '../src/api/define-kind.ts';
import { kindsOf, type Part } from '../src/api/kinds.ts';
import type { KubeObject } from '../src/kube/objects.ts';
import { buyerWebhooks } from './buyer.ts';
import { dataServiceWebhooks } from './data-service.ts';
import { elasticWebWebhooks } from './elastic-web.ts';
import { imoocPodWebhooks } from './imooc-pod.ts';
import { seckillWebhooks } from './seckill.ts';
import { sellerWebhooks } from './seller.ts';
import { spikeGoodsWebhooks } from './spike-goods.ts';
import { spikeOrderWebhooks } from './spike-order.ts';
import type { Webhooks } from './webhook.ts';

// Each entry reads only objects of its own kind. The server checks the kind before it calls one.
export const registry = [
  spikeGoodsWebhooks,
  spikeOrderWebhooks,
  buyerWebhooks,
  sellerWebhooks,
  elasticWebWebhooks,
  imoocPodWebhooks,
  seckillWebhooks,
  dataServiceWebhooks,
] as unknown as readonly Webhooks<KubeObject>[];

/** The webhooks of the kinds of these parts. */
export function registryOf(parts: readonly Part[]): readonly Webhooks<KubeObject>[] {
  const wanted = kindsOf(parts);
  return registry.filter(({ kind }) => wanted.includes(kind));
}

const dashed = (kind: Kind): string => `${kind.group.replaceAll('.', '-')}-${kind.version}-${kind.singular}`;

/** kubebuilder's paths: `/mutate-myapp-spike-com-v1-spikeorder`. */
export const mutatePath = (kind: Kind): string => `/mutate-${dashed(kind)}`;
export const validatePath = (kind: Kind): string => `/validate-${dashed(kind)}`;
