// The table of all kinds. CRDs, RBAC, webhook configurations and caches come from it.
import { Buyer } from './buyer.ts';
import { DataService } from './data-service.ts';
import type { Kind } from './define-kind.ts';
import { ElasticWeb } from './elastic-web.ts';
import { ImoocPod } from './imooc-pod.ts';
import { Seckill } from './seckill.ts';
import { Seller } from './seller.ts';
import { SpikeGoods } from './spike-goods.ts';
import { SpikeOrder } from './spike-order.ts';

// A validator accepts any object, so the list need not know the spec type of each kind.
export const saleKinds = [SpikeGoods, SpikeOrder, Buyer, Seller] as unknown as readonly Kind[];
export const workloadKinds = [ElasticWeb, ImoocPod, Seckill, DataService] as unknown as readonly Kind[];
export const kinds: readonly Kind[] = [...saleKinds, ...workloadKinds];

/** The parts to which an installation may be limited. Each part has its own kinds, permissions and reconcilers. */
export const allParts = ['sale', 'workloads'] as const;
export type Part = (typeof allParts)[number];

const kindsByPart = new Map<Part, readonly Kind[]>([
  ['sale', saleKinds],
  ['workloads', workloadKinds],
]);

/** The kinds of these parts, in the order of `kinds`. */
export const kindsOf = (parts: readonly Part[]): readonly Kind[] =>
  allParts.filter((part) => parts.includes(part)).flatMap((part) => kindsByPart.get(part) ?? []);
