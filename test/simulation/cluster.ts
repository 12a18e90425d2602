// The machines of one history: replicas that start, crash and come back, and the lease that makes one of them
// the leader, sometimes while an older one does not know yet.
import type { SimulatedClock } from '../simulated-clock.ts';
import type { Wire } from './client.ts';
import { Replica, type Settings, type Variant } from './replica.ts';
import { Life } from './schedule.ts';

export class Cluster {
  readonly replicas: Replica[] = [];
  readonly #wire: Wire;
  readonly #clock: SimulatedClock;
  readonly #settings: Settings;
  readonly #variant: Variant;
  readonly #skewMs: number;
  /** The number of the newest term. */
  epoch = 0;
  #started = 0;
  #terms = 0;

  constructor(
    wire: Wire,
    clock: SimulatedClock,
    options: { settings: Settings; variant: Variant; size: number; skewMs: number },
  ) {
    this.#wire = wire;
    this.#clock = clock;
    this.#settings = options.settings;
    this.#variant = options.variant;
    this.#skewMs = options.skewMs;
    for (let i = 0; i < options.size; i++) this.start();
  }

  start(): void {
    const life = new Life(`r${++this.#started}`, this.#clock, this.#skew(), this.#drift());
    this.replicas.push(new Replica(life, this.#wire, this.#settings, this.#variant));
    this.#wire.note(life.name, 'starts');
  }

  /** Somebody sets the wall clock of a replica, rightly or not. */
  setClock(replica: Replica): void {
    const skew = this.#skew();
    this.#wire.note(replica.life.name, 'has its clock set', skew);
    replica.life.setClock(skew);
  }

  #skew(): number {
    const { random } = this.#wire;
    // Mostly at the ends: two machines that differ by the most there is.
    return Math.round(random.pick([-1, -1, 0, 1, 1]) * this.#skewMs * (0.9 + 0.1 * random.next()));
  }

  /** Of quartz that nothing disciplines, and of a clock that NTP slews as fast as it may. */
  #drift(): number {
    return this.#skewMs === 0 ? 0 : (this.#wire.random.next() - 0.5) * 0.001;
  }

  crash(replica: Replica, why: unknown): void {
    if (!replica.life.alive) return;
    this.#wire.note(replica.life.name, 'crashes', why);
    this.#wire.schedule.kill(replica.life);
    this.replicas.splice(this.replicas.indexOf(replica), 1);
  }

  /** SIGSTOP, a machine that swaps, a debugger: it goes on after `ms`, and believes what it believed before. */
  pause(replica: Replica, ms: number): void {
    if (replica.life.isPaused) return;
    this.#wire.note(replica.life.name, 'is paused for', ms);
    replica.life.pause();
    this.#clock.after(ms, () => this.wake(replica));
  }

  wake({ life }: Replica): void {
    if (!life.isPaused || !life.alive) return;
    this.#wire.note(life.name, 'goes on');
    life.wake();
  }

  get leader(): Replica | undefined {
    return this.replicas.find((replica) => replica.epoch === this.epoch && replica.epoch > 0);
  }

  /** Those that think they lead, and do not. */
  get deposed(): Replica[] {
    return this.replicas.filter(({ epoch }) => epoch > 0 && epoch !== this.epoch);
  }

  /** A process that is stopped hears of it before it hears of anything else. */
  watchesBreak(): void {
    for (const { life, history } of this.replicas) life.whenAwake(() => history.doubt());
  }

  /** The lease is an older one again; the numbers of terms go on. Watches from compacted revisions end. */
  restored(epoch: number, isRaised: boolean): void {
    this.epoch = epoch;
    if (isRaised) for (const { feeds } of this.replicas) for (const feed of feeds) feed.relist();
  }

  /** The lease goes to another replica; nobody tells the old leader. */
  elect(): void {
    const able = this.replicas.filter((replica) => replica.ready && replica.epoch === 0);
    if (able.length === 0) return;
    const replica = this.#wire.random.pick(able);
    this.epoch = ++this.#terms;
    this.#wire.note(replica.life.name, 'leads term', this.epoch);
    replica.lead(
      this.epoch,
      (why) => this.crash(replica, why),
      () => this.epoch,
    );
  }
}
