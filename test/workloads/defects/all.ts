// The defects of all original operators. `count`: how many there are, so that none is lost unnoticed.
import { dataService } from './data-service.ts';
import type { Defect } from './defect.ts';
import { elasticWebs } from './elastic-web.ts';
import { imoocPods } from './imooc-pod.ts';
import { seckills } from './seckill.ts';

export const operators: { kind: string; count: number; defects: readonly Defect[] }[] = [
  { kind: 'DataService', count: 11, defects: dataService },
  { kind: 'ElasticWeb', count: 21, defects: elasticWebs },
  { kind: 'ImoocPod', count: 11, defects: imoocPods },
  { kind: 'Seckill', count: 11, defects: seckills },
];
