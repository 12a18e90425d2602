// The names under which Spikegate is deployed unless told otherwise, and which version this is.

export const version = '0.1.0';

export const deployment = {
  namespace: 'spikegate-system',
  serviceAccount: 'spikegate',
  service: 'spikegate-webhook',
  metricsService: 'spikegate-metrics',
  lease: 'spikegate',
  certSecret: 'spikegate-serving-cert',
};
