// Everything that a process exports, over sources in the hands of the test.
import type { SpikeGoods } from '../../src/api/spike-goods.ts';
import { createMetrics, watchMetrics } from '../../src/server/metrics.ts';
import { mutatePath, validatePath, registry as webhooks } from '../../webhooks/registry.ts';
import { SimulatedClock } from '../simulated-clock.ts';

export interface Sample {
  labels: Record<string, string>;
  value: number;
}

export class Exported {
  readonly clock = new SimulatedClock();
  readonly metrics = createMetrics();
  time: { offsetMs: number; uncertaintyMs: number } | undefined;
  goods: SpikeGoods[] = [];
  certificates = { serving: 0, ca: 0 };

  constructor(maxGoods = 200) {
    const stored = () => this.goods;
    const goods = {
      values: stored,
      get size() {
        return stored().length;
      },
    };
    watchMetrics(this.metrics.registry, {
      goods,
      caches: { SpikeGoods: goods, SpikeOrder: { size: 3 } },
      clock: this.clock,
      time: { status: () => this.time },
      maxGoods,
      certs: { expiry: () => this.certificates.serving, authorityExpiry: () => this.certificates.ca },
      isLeader: () => false,
    });
    for (const { kind } of webhooks) {
      this.metrics.admission.route(mutatePath(kind));
      this.metrics.admission.route(validatePath(kind));
    }
  }

  /** As a scrape reads it. */
  async read(name: string): Promise<Sample[]> {
    const found: Sample[] = [];
    for (const line of (await this.metrics.registry.metrics()).split('\n')) {
      const [, metric, labels = '', value] = /^([a-z_]+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
      if (metric !== name) continue;
      const pairs = [...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, key, text]) => [key!, text!]);
      found.push({ labels: Object.fromEntries(pairs), value: value === '+Inf' ? Infinity : Number(value) });
    }
    return found;
  }
}
