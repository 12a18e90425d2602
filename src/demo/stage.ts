// The output of the demo: headings, a progress bar, and a table of checks.

export interface Expectation {
  what: string;
  expected: number | string;
  got: number | string;
}

export class Stage {
  readonly #out: NodeJS.WriteStream;
  readonly checks: Expectation[] = [];
  #barWidth = 0;
  #shownAt = 0;

  constructor(out: NodeJS.WriteStream) {
    this.#out = out;
  }

  say(line: string): void {
    this.#clearBar();
    this.#out.write(`${line}\n`);
  }

  /** Draws a bar, at most 20 times per second. Prints nothing when the output is not a terminal. */
  progress(done: number, total: number, text: string): void {
    if (!this.#out.isTTY || (done < total && Date.now() - this.#shownAt < 50)) return;
    this.#shownAt = Date.now();
    const filled = Math.round((done / total) * 30);
    const line = `  [${'#'.repeat(filled)}${'.'.repeat(30 - filled)}] ${done}/${total}  ${text}`;
    this.#out.write(`\r${line.padEnd(this.#barWidth)}`);
    this.#barWidth = line.length;
  }

  #clearBar(): void {
    if (this.#barWidth > 0) this.#out.write(`\r${' '.repeat(this.#barWidth)}\r`);
    this.#barWidth = 0;
  }

  check(what: string, got: number | string, expected: number | string): void {
    this.checks.push({ what, expected, got });
  }

  /** Prints the table. Returns true when everything is as expected. */
  summary(figures: Record<string, string>): boolean {
    this.#clearBar();
    const width = Math.max(...this.checks.map(({ what }) => what.length));
    this.say('');
    for (const { what, expected, got } of this.checks) {
      const isRight = got === expected;
      this.say(
        `  ${isRight ? 'ok   ' : 'WRONG'} ${what.padEnd(width)}  ${got}${isRight ? '' : `, expected ${expected}`}`,
      );
    }
    this.say('');
    for (const [name, value] of Object.entries(figures)) this.say(`  ${name.padEnd(width + 6)}  ${value}`);
    return this.checks.every(({ got, expected }) => got === expected);
  }
}
