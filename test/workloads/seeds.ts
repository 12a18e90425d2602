// Which seeds a property test runs, and what it says of one that fails. A seed fixes what is done and in which order;
// how far the reconcilers have come by then is the machine's, so a failure also tells what was done.
const { SEED, RUNS, FROM } = process.env;

/** SEED repeats one; RUNS makes so many, from FROM (1). */
export function seedsOf(usual: number): number[] {
  if (SEED) return [Number(SEED)];
  const first = Number(FROM ?? 1);
  return Array.from({ length: Number(RUNS ?? usual) }, (_, index) => first + index);
}

/** For a suite of so many seeds, each of which takes seconds at the most. */
export const timeoutFor = (seeds: readonly number[], runsEach: number): number =>
  60_000 + seeds.length * runsEach * 30_000;

/** What was done, in order. */
export class Story {
  readonly #seed: number;
  readonly #steps: string[] = [];
  readonly #began = performance.now();

  constructor(seed: number) {
    this.#seed = seed;
  }

  tell(what: string, more: unknown = ''): void {
    const at = Math.round(performance.now() - this.#began);
    this.#steps.push(`${at} ms: ${what} ${more === '' ? '' : JSON.stringify(more)}`);
  }

  /** Runs the test; its error also says the seed and what was done. */
  async of(test: () => Promise<void>): Promise<void> {
    try {
      await test();
    } catch (error) {
      const { message } = error as Error;
      throw new Error(`SEED=${this.#seed}: ${message}\n${this.#steps.join('\n')}`, { cause: error });
    }
  }
}
