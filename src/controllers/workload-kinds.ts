// The table of all workloads. A new kind is a new line.
import { asWorkload, type Workload } from '../workloads/workload.ts';
import { dataServiceWorkload } from './data-service/reconcile.ts';
import { elasticWebWorkload } from './elastic-web.ts';
import { imoocPodWorkload } from './imooc-pod.ts';
import { seckillWorkload } from './seckill/reconcile.ts';

export const workloads: readonly Workload[] = [
  asWorkload(elasticWebWorkload),
  asWorkload(imoocPodWorkload),
  asWorkload(seckillWorkload),
  asWorkload(dataServiceWorkload),
];
