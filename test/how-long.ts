// How long the long test files take, and how much of a core they want meanwhile: data for the order in which they run.
// Measured alone, on two cores, without a control plane; what is not here takes about a second of one core.

export interface Length {
  /** From start to end, alone. */
  seconds: number;
  /** Of the machine, on average; of what comes in bursts (a crowd) what a burst takes. */
  cores: number;
  /**
   * It promises something by the clock while it is under load itself: certificates of seconds, replicas that are
   * replaced under a steady stream of orders. Beside it the machine is not filled up.
   */
  byTheClock?: true;
}

export const lengths: Readonly<Record<string, Length>> = {
  'test/e2e/sandbox/certificates.test.ts': { seconds: 38, cores: 0.4, byTheClock: true },
  'test/e2e/sandbox/upgrades.test.ts': { seconds: 19, cores: 0.5, byTheClock: true },
  'test/e2e/sandbox/crowds.test.ts': { seconds: 58, cores: 1.5 },
  'test/e2e/sandbox/recovery.test.ts': { seconds: 42, cores: 0.2 },
  'test/e2e/sandbox/web-and-pods.test.ts': { seconds: 36, cores: 0.2 },
  'test/e2e/sandbox/doctor.test.ts': { seconds: 36, cores: 0.3 },
  'test/e2e/sandbox/data-service.test.ts': { seconds: 37, cores: 0.2 },
  'test/e2e/sandbox/sale.test.ts': { seconds: 30, cores: 0.6 },
  'test/workloads/prometheus.test.ts': { seconds: 27, cores: 0.2 },
  'test/e2e/sandbox/seckill.test.ts': { seconds: 23, cores: 0.3 },
  'test/board/board-page.test.ts': { seconds: 18, cores: 0.6 },
  'test/monitoring/prometheus.test.ts': { seconds: 16, cores: 0.3 },
  'test/security/secrets-in-logs.test.ts': { seconds: 11, cores: 0.4 },
  'test/children/children.test.ts': { seconds: 20, cores: 0.8 },
  'test/workloads/property.test.ts': { seconds: 10, cores: 0.9 },
  'test/image/image.test.ts': { seconds: 5, cores: 1 },
  'test/unit/certs/crash.test.ts': { seconds: 8, cores: 1 },
  'test/simulation/ledger.test.ts': { seconds: 7, cores: 1.1 },
  'test/workloads/leader-only.test.ts': { seconds: 7, cores: 0.2 },
  'test/unit/certs/secret-source.test.ts': { seconds: 4, cores: 1 },
  'test/certs/followed.test.ts': { seconds: 6, cores: 0.2 },
  'test/contract/bad-sockets.test.ts': { seconds: 6, cores: 0.2 },
  'test/unit/certs/months.test.ts': { seconds: 4, cores: 1 },
  'test/sandbox/informers.test.ts': { seconds: 5, cores: 0.5 },
  'test/security/listening.test.ts': { seconds: 5, cores: 0.8 },
  'test/security/client-certificates.test.ts': { seconds: 5, cores: 0.3 },
  'test/workloads/seckill-data-service-property.test.ts': { seconds: 5, cores: 1 },
  'test/monitoring/logs.test.ts': { seconds: 5, cores: 0.7 },
  'test/security/tls.test.ts': { seconds: 4, cores: 0.1 },
  'test/workloads/imooc-pod.test.ts': { seconds: 4, cores: 0.3 },
  'test/simulation/mutants.test.ts': { seconds: 4, cores: 1 },
  'test/monitoring/alerts.test.ts': { seconds: 4, cores: 1.2 },
  'test/unit/certs/publication.test.ts': { seconds: 3, cores: 1 },
  'test/workloads/defects.test.ts': { seconds: 4, cores: 0.6 },
};
