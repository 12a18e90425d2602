// The table of all kinds; CRDs, RBAC, webhook configurations and caches are made from it.
import { Buyer } from './buyer.ts';
import { DataService } from './data-service.ts';
import type { Kind } from './define-kind.ts';
import { ElasticWeb } from './elastic-web.ts';
import { ImoocPod } from './imooc-pod.ts';
import { Seckill } from './seckill.ts';
import { Seller } from './seller.ts';
import { SpikeGoods } from './spike-goods.ts';
import { SpikeOrder } from './spike-order.ts';

// A validator reads any object, so a list of kinds does not care what each one's spec is.
export const saleKinds = [SpikeGoods, SpikeOrder, Buyer, Seller] as unknown as readonly Kind[];
export const workloadKinds = [ElasticWeb, ImoocPod, Seckill, DataService] as unknown as readonly Kind[];
export const kinds: readonly Kind[] = [...saleKinds, ...workloadKinds];
