// A world for leader election: one Lease on one server, contenders with lines that fail, all in simulated time.
// Asserts nothing; it notes who led when.

import type { Client } from '../../../src/kube/client.ts';
import { ApiError, ConnectionError } from '../../../src/kube/errors.ts';
import { LeaderElector, type LeaderElectorOptions } from '../../../src/kube/lease.ts';
import type { Lease } from '../../../src/kube/lease-record.ts';
import { SimulatedClock } from '../../simulated-clock.ts';

/** The one Lease: optimistic locking as the API server has it. */
class Server {
  lease: Lease | undefined;
  #revision = 100;

  read(): Lease {
    if (!this.lease) throw new ApiError(404, { reason: 'NotFound' });
    return structuredClone(this.lease);
  }

  write(lease: Lease): Lease {
    const { resourceVersion } = lease.metadata;
    if (!resourceVersion && this.lease) throw new ApiError(409, { reason: 'AlreadyExists' });
    if (resourceVersion && resourceVersion !== this.lease?.metadata.resourceVersion) {
      throw new ApiError(409, { reason: 'Conflict' });
    }
    this.lease = structuredClone(lease);
    this.lease.metadata.resourceVersion = String(++this.#revision);
    return this.read();
  }
}

/** 'cut' before the request arrives, 'lost' after it was stored, 'hang' for as long as a request may take. */
type Line = 'open' | 'cut' | 'lost' | 'hang';

const latency = 5;

export interface Contender {
  elector: LeaderElector;
  line: Line;
  abort: AbortController;
  start(): Promise<void>;
}

export class LeaseWorld {
  readonly clock = new SimulatedClock();
  readonly server = new Server();
  readonly leading = new Set<string>();
  readonly terms: { who: string; epoch: number }[] = [];
  /** What the callbacks were told. */
  readonly told: string[] = [];
  /** Moments with two leaders at once. */
  readonly together: string[] = [];

  get epochsRise(): boolean {
    return this.terms.every(({ epoch }, i) => i === 0 || epoch > this.terms[i - 1]!.epoch);
  }

  lead(who: string, epoch: number): void {
    this.terms.push({ who, epoch });
    this.leading.add(who);
    if (this.leading.size > 1) this.together.push([...this.leading].join(' and '));
  }

  contender(who: string, more: Partial<LeaderElectorOptions> = {}): Contender {
    const { clock, server } = this;
    const wait = (ms: number) => new Promise<void>((resolve) => clock.after(ms, resolve));
    const pass = async (work: () => Lease): Promise<Lease> => {
      await wait(latency);
      if (contender.line === 'hang') {
        await wait(5_000);
        throw new ConnectionError('timeout', 'no answer', { ambiguous: true });
      }
      if (contender.line === 'cut') throw new ConnectionError('network', 'cut', { ambiguous: false });
      const result = work();
      await wait(latency);
      if (contender.line === 'lost') throw new ConnectionError('network', 'lost', { ambiguous: true });
      return result;
    };
    const client = {
      get: () => pass(() => server.read()),
      create: (_: unknown, lease: Lease) => pass(() => server.write(lease)),
      replace: (_: unknown, lease: Lease) => pass(() => server.write(lease)),
    } as unknown as Client;
    const elector = new LeaderElector({
      client,
      namespace: 'default',
      name: 'spikegate',
      identity: who,
      clock,
      random: () => 0.5,
      onStartedLeading: (epoch, signal) => {
        this.lead(who, epoch);
        signal.addEventListener('abort', () => this.leading.delete(who));
      },
      onStoppedLeading: (why) => this.told.push(`${who} ${why}`),
      onNewLeader: (leader) => this.told.push(`${who} sees ${leader}`),
      ...more,
    });
    const abort = new AbortController();
    const contender: Contender = { elector, line: 'open', abort, start: () => elector.start(abort.signal) };
    return contender;
  }
}
