// Decides who leads: by a lease among replicas, or this replica when it is the only one. Does not know what a
// leader does.
import type { Client } from '../kube/client.ts';
import { LeaderElector } from '../kube/lease.ts';
import { nextEpoch } from '../kube/lease-record.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Log } from '../runtime/log.ts';
import type { Component } from '../runtime/manager.ts';
import type { ServeSettings } from '../settings/serve.ts';

/** What the other parts of the process see of the election. */
export interface Elector extends Component {
  readonly isLeader: boolean;
  /** Whether any replica leads, as far as this replica knows. */
  readonly hasLeader: boolean;
  /** Identity of the lease's holder, `host_uuid`; '' when there is no lease or no holder. */
  readonly leader: string;
  /** Reads the lease from the API server: whether it names this process and its current term. */
  holdsLease(): Promise<boolean>;
}

export interface ElectorOptions {
  settings: ServeSettings;
  client: Client;
  clock: Clock;
  /** The API server's clock. The numbers of terms are based on its time. */
  time: Clock;
  log: Log;
  /** The lease is lost. This process must exit, because another one may lead. */
  onLost(why: string): void;
}

type Lead = (epoch: number, signal: AbortSignal) => Promise<void>;

export function createElector(options: ElectorOptions, onStartedLeading: Lead): Elector {
  const { settings, client, clock, time, log, onLost } = options;
  if (!settings.leaderElect) return new SoleLeader(time, onStartedLeading);
  return new LeaderElector({
    client,
    namespace: settings.namespace,
    name: settings.lease,
    clock,
    epochNow: () => time.now(),
    log,
    leaseDuration: settings.leaseDuration,
    renewDeadline: settings.renewDeadline,
    retryPeriod: settings.retryPeriod,
    onStartedLeading,
    onStoppedLeading: (why) => {
      if (why === 'lost') onLost('the lease is lost');
    },
  });
}

/** The only replica leads from the start. The number of its term is higher than that of every earlier term. */
class SoleLeader implements Elector {
  readonly name = 'sole leader';
  readonly #clock: Clock;
  readonly #lead: Lead;
  readonly #abort = new AbortController();
  #term: Promise<void> | undefined;

  constructor(clock: Clock, lead: Lead) {
    this.#clock = clock;
    this.#lead = lead;
  }

  get isLeader(): boolean {
    return this.#term !== undefined && !this.#abort.signal.aborted;
  }

  get hasLeader(): boolean {
    return this.isLeader;
  }

  readonly leader = '';

  /** There is no lease to read. Whoever sets --no-leader-elect ensures that no other process leads. */
  async holdsLease(): Promise<boolean> {
    return this.isLeader;
  }

  async start(): Promise<void> {
    this.#term = this.#lead(nextEpoch(this.#clock.now(), 0), this.#abort.signal);
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#term;
  }
}
