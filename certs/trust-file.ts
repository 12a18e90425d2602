// A file of CA certificates. Clients with a certificate of these CAs are trusted. The file is read at start and
// again when it changes, so that a CA can be replaced with an overlap. Does not know who the clients are, nor what
// they may do.
import { readFile } from 'node:fs/promises';
import type { Clock } from '../src/runtime/clock.ts';
import { CheckLoop } from './check-loop.ts';
import { messageOf, parseCertificate, pemBlocks } from './pair.ts';
import type { CertLogger } from './source.ts';

export interface TrustFileOptions {
  file: string;
  clock: Clock;
  logger: CertLogger;
  /** Milliseconds between two polls. */
  pollEvery?: number;
}

export class TrustFile {
  readonly name = 'client CAs';
  readonly #options: Required<TrustFileOptions>;
  readonly #loop: CheckLoop;
  readonly #listeners = new Set<() => void>();
  #bundle = '';
  #lastProblem: string | undefined;

  constructor(options: TrustFileOptions) {
    this.#options = { pollEvery: 10_000, ...options };
    this.#loop = new CheckLoop(options.clock);
  }

  /** @throws Error when the file has no CA: a check against no CA would trust no client, or every client */
  async start(signal: AbortSignal): Promise<void> {
    this.#bundle = await readBundle(this.#options.file);
    void this.#loop.run(signal, async () => {
      await this.#reload();
      return { ms: this.#options.pollEvery };
    });
  }

  /** PEM. */
  current(): string {
    return this.#bundle;
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  recheck(): void {
    this.#loop.recheck();
  }

  async #reload(): Promise<void> {
    const { file, logger } = this.#options;
    try {
      const bundle = await readBundle(file);
      this.#lastProblem = undefined;
      if (bundle === this.#bundle) return;
      this.#bundle = bundle;
      logger.info({ file }, 'the CAs of clients were loaded');
      for (const listener of this.#listeners) listener();
    } catch (error) {
      const problem = messageOf(error);
      if (problem === this.#lastProblem) return;
      this.#lastProblem = problem;
      logger.error(
        { file, problem },
        `the CAs of clients cannot be used, the previous ones stay: ${problem}`,
      );
    }
  }
}

async function readBundle(file: string): Promise<string> {
  const blocks = pemBlocks(await readFile(file, 'utf8'));
  if (blocks.length === 0) throw new Error(`${file} must have at least one PEM certificate`);
  for (const [index, pem] of blocks.entries()) {
    const certificate = parseCertificate(pem, `${file}, block ${index + 1},`);
    if (!certificate.ca)
      throw new Error(`${file}, block ${index + 1}, must be a CA, got ${certificate.subject}`);
  }
  return blocks.join('');
}
