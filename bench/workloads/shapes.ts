// The workloads of the bench: one small shape of each kind. Knows nothing of how they are measured.
import { DataService } from '../../src/api/data-service.ts';
import type { Kind } from '../../src/api/define-kind.ts';
import { ElasticWeb } from '../../src/api/elastic-web.ts';
import { ImoocPod } from '../../src/api/imooc-pod.ts';
import { Seckill } from '../../src/api/seckill.ts';

export interface Shape {
  kind: Kind;
  /** What it is, for a reader of the table. */
  what: string;
  spec: object;
}

const resources = { requests: { cpu: '10m', memory: '16Mi' }, limits: { memory: '64Mi' } };
const service = {
  enabled: true,
  image: 'shop/any:1.0',
  replicas: 1,
  resources,
  ports: [{ name: 'http', port: 8080, targetPort: 8080, protocol: 'TCP' }],
};

export const shapes: readonly Shape[] = [
  {
    kind: Seckill as Kind,
    what: 'two services with an autoscaler each, a dashboard',
    spec: {
      services: { couponService: service, gatewayService: service },
      scaling: { hpa: { enabled: true, minReplicas: 1, maxReplicas: 3 } },
      monitoring: { enabled: true, grafanaEnabled: true },
    },
  },
  {
    kind: ElasticWeb as Kind,
    what: 'two pods behind a load balancer',
    spec: {
      image: 'tomcat:8.0.18-jre8',
      port: 8081,
      targetPort: 8080,
      podPort: 8080,
      singlePodQPS: 500,
      totalQPS: 700,
      protocol: 'TCP',
      resources,
    },
  },
  {
    kind: DataService as Kind,
    what: 'mysql, and auth, which waits for it',
    spec: { mysql: { resources }, auth: { port: 9081, image: 'shop/auth:1.0', replica: 1, resources } },
  },
  { kind: ImoocPod as Kind, what: 'two pods', spec: { replicas: 2 } },
];
