// Prints what happens in the sale for a person at a terminal: one short line for every item of the news, and
// warnings and errors. Knows only the layout of a line.

import type { SaleNews } from '../board/news.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Log } from '../runtime/log.ts';

export interface NarratorOptions {
  clock: Clock;
  print(line: string): void;
}

/** Takes the place of the logger: prints warnings and errors in words. Everything else comes as news. */
export class Narrator implements Log {
  readonly #options: NarratorOptions;

  constructor(options: NarratorOptions) {
    this.#options = options;
  }

  /** Prints every item from now on. */
  follow(news: SaleNews): void {
    news.on(({ at, who, what, count }) => this.#tell(at, count > 1 ? `${count} more` : who, what));
  }

  debug(): void {}

  info(): void {}

  warn(fields: object, message: string): void {
    this.#say('warning', `${message}${cause(fields)}`);
  }

  error(fields: object, message: string): void {
    this.#say('error', `${message}${cause(fields)}`);
  }

  #say(who: string, what: string): void {
    this.#tell(this.#options.clock.now(), who, what);
  }

  #tell(at: number, who: string, what: string): void {
    this.#options.print(`${new Date(at).toLocaleTimeString('en-GB')}  ${who.padEnd(18)} ${what}`);
  }
}

function cause(fields: object): string {
  const { err } = fields as { err?: { message?: string } | string };
  if (!err) return '';
  return `: ${typeof err === 'string' ? err : (err.message ?? '')}`;
}
