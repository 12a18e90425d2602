// Metrics of certificates: counters of reads and read errors, with the names of controller-runtime's certwatcher, and
// gauges of the expiry times.
import { Counter, type Registry } from 'prom-client';
import type { CertMetrics, CertSource } from '../../certs/source.ts';
import { gauge } from './runtime-metrics.ts';

export function certMetrics(registry: Registry): CertMetrics {
  const registers = [registry];
  const reads = new Counter({
    name: 'certwatcher_read_certificate_total',
    help: 'Total number of certificate reads.',
    registers,
  });
  const errors = new Counter({
    name: 'certwatcher_read_certificate_errors_total',
    help: 'Total number of certificate read errors.',
    registers,
  });
  return { read: () => reads.inc(), failed: () => errors.inc() };
}

export function certExpiry(registry: Registry, certs: Pick<CertSource, 'expiry' | 'authorityExpiry'>): void {
  gauge(
    registry,
    'spikegate_certificate_expiry_timestamp_seconds',
    'When the serving certificate and the CA that signed it expire, epoch seconds; 0 while that is not known.',
    ['certificate'],
    () => [
      ['serving', certs.expiry()],
      ['ca', certs.authorityExpiry()],
    ],
  );
}
