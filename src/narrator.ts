// Tells a person at a terminal what happens in the sale: a short line for every event. Looks at caches and at
// the log; decides nothing.

import type { SpikeGoods } from './api/spike-goods.ts';
import type { OrderPhase, SpikeOrder } from './api/spike-order.ts';
import type { LeaderCaches } from './controllers/leading.ts';
import type { Clock } from './runtime/clock.ts';
import type { Log } from './runtime/log.ts';

export interface NarratorOptions {
  clock: Clock;
  print(line: string): void;
}

/** Refusals of one reason are told together: a crowd is refused faster than anybody reads. */
const refusalsTogetherMs = 1000;

const verbs: Record<OrderPhase, string> = {
  Unpaid: 'reserved',
  Paid: 'paid',
  Expired: 'expired, stock is back',
  Rejected: 'rejected',
};

/** Stands in for the logger: what an operator would grep for is told in words. */
export class Narrator implements Log {
  readonly #options: NarratorOptions;
  readonly #refusals = new Map<string, { count: number; last: string }>();

  constructor(options: NarratorOptions) {
    this.#options = options;
  }

  /** Tells of every change from now on. */
  follow({ goods, orders, buyers, sellers }: LeaderCaches): void {
    orders.onChange(({ type, object, old }) => {
      const phase = object.status?.phase;
      if (type === 'deleted') this.#tell(`order ${object.metadata.name}`, 'deleted');
      else if (phase && phase !== old?.status?.phase)
        this.#tell(`order ${object.metadata.name}`, describe(object, phase));
    });
    goods.onChange(({ type, object, old }) => {
      const phase = object.status?.phase;
      if (type === 'deleted') this.#tell(`goods ${object.metadata.name}`, 'deleted');
      else if (phase && phase !== old?.status?.phase)
        this.#tell(`goods ${object.metadata.name}`, left(object, phase));
    });
    for (const [what, cache] of [
      ['buyer', buyers],
      ['seller', sellers],
    ] as const) {
      cache.onChange(({ type, object }) => {
        if (type !== 'updated')
          this.#tell(`${what} ${object.metadata.name}`, type === 'added' ? 'registered' : 'deleted');
      });
    }
  }

  debug(): void {}

  info(fields: object, message: string): void {
    const { allowed, reason, name } = fields as { allowed?: boolean; reason?: string; name?: string };
    if (allowed !== false || !reason) return;
    const known = this.#refusals.get(reason);
    if (known) {
      known.count++;
      known.last = message;
      return;
    }
    this.#refusals.set(reason, { count: 0, last: '' });
    this.#tell(name ?? 'request', `refused (${reason}): ${message}`);
    this.#options.clock.after(refusalsTogetherMs, () => this.#tellTogether(reason));
  }

  warn(fields: object, message: string): void {
    this.#tell('warning', `${message}${cause(fields)}`);
  }

  error(fields: object, message: string): void {
    this.#tell('error', `${message}${cause(fields)}`);
  }

  #tellTogether(reason: string): void {
    const { count = 0, last = '' } = this.#refusals.get(reason) ?? {};
    this.#refusals.delete(reason);
    if (count > 0) this.#tell(`${count} more`, `refused (${reason}): ${last}`);
  }

  #tell(who: string, what: string): void {
    const time = new Date(this.#options.clock.now()).toLocaleTimeString('en-GB');
    this.#options.print(`${time}  ${who.padEnd(18)} ${what}`);
  }
}

function describe(order: SpikeOrder, phase: OrderPhase): string {
  const lines = Object.entries(order.spec.goodsMap).map(([goods, quantity]) => `${goods}×${quantity}`);
  const until =
    phase === 'Unpaid' && order.spec.expiredTime ? `, to be paid by ${order.spec.expiredTime}` : '';
  return `${verbs[phase]}: ${lines.join(', ')} for ${order.status?.money ?? 0}${until}`;
}

function left(goods: SpikeGoods, phase: string): string {
  const words: Record<string, string> = {
    OnSale: 'on sale',
    SoldOut: 'sold out',
    Ended: 'sale ended',
    Scheduled: 'sale to come',
  };
  return `${words[phase] ?? phase}: ${goods.status?.lastStockCount ?? 0} of ${goods.spec.stockCount} left`;
}

function cause(fields: object): string {
  const { err } = fields as { err?: { message?: string } | string };
  if (!err) return '';
  return `: ${typeof err === 'string' ? err : (err.message ?? '')}`;
}
