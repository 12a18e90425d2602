// The table of all workloads; adding a kind is adding a line.
import { asWorkload, type Workload } from '../workloads/workload.ts';
import { elasticWebWorkload } from './elastic-web.ts';
import { imoocPodWorkload } from './imooc-pod.ts';

export const workloads: readonly Workload[] = [asWorkload(elasticWebWorkload), asWorkload(imoocPodWorkload)];
