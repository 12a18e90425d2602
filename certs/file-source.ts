// Serves certificates from a directory with tls.crt and tls.key, as a mounted cert-manager Secret has them, and
// reloads them when they change. Does not use the Kubernetes API and does not touch the caBundle: cert-manager
// injects it.

import { type FSWatcher, watch } from 'node:fs';
import { readFile, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import type { Cancel, Clock } from '../src/runtime/clock.ts';
import { CheckLoop } from './check-loop.ts';
import type { ServingPair } from './pair.ts';
import { messageOf, parsePair } from './pair.ts';
import { type CertLogger, type CertMetrics, type CertSource, noCertMetrics, Served } from './source.ts';

export interface FileSourceOptions {
  /** Where tls.crt and tls.key are. */
  directory: string;
  clock: Clock;
  logger: CertLogger;
  /**
   * Milliseconds between two polls. A poll finds the changes that the file watch misses: on network file systems, or
   * when the inotify table is full.
   */
  pollEvery?: number;
  /** Milliseconds to wait after the first event of a burst. One update of a volume causes about six events. */
  debounce?: number;
  metrics?: CertMetrics;
}

export class FileSource implements CertSource {
  readonly #options: Required<FileSourceOptions>;
  readonly #served: Served;
  readonly #loop: CheckLoop;
  #watcher: FSWatcher | undefined;
  #cancelRecheck: Cancel | undefined;
  #lastProblem: string | undefined;

  constructor(options: FileSourceOptions) {
    this.#options = { pollEvery: 10_000, debounce: 100, metrics: noCertMetrics, ...options };
    this.#served = new Served(options.logger);
    this.#loop = new CheckLoop(options.clock);
  }

  start(signal: AbortSignal): Promise<void> {
    signal.addEventListener('abort', () => this.#stopWatching(), { once: true });
    void this.#loop.run(signal, async () => {
      this.#watch(signal);
      await this.#load();
      return { ms: this.#options.pollEvery };
    });
    return this.#served.ready(signal);
  }

  current(): ServingPair | undefined {
    return this.#served.pair;
  }

  caBundle(): undefined {
    return undefined;
  }

  onChange(listener: () => void): () => void {
    return this.#served.listen(listener);
  }

  expiry(): number {
    return this.#served.expiry;
  }

  authorityExpiry(): number {
    return this.#served.authorityExpiry;
  }

  recheck(): void {
    this.#loop.recheck();
  }

  async #load(): Promise<void> {
    const { clock, directory, logger, metrics } = this.#options;
    metrics.read();
    try {
      const { cert, key, authorities } = await readTogether(directory);
      const pair = parsePair(cert, key);
      const now = clock.now();
      if (now < pair.notBefore.getTime())
        throw new Error(`tls.crt begins at ${pair.notBefore.toISOString()}`);
      if (now >= pair.notAfter.getTime())
        throw new Error(`tls.crt expired at ${pair.notAfter.toISOString()}`);
      this.#lastProblem = undefined;
      if (pair.cert === this.#served.pair?.cert && pair.key === this.#served.pair.key) return;
      this.#served.offer(pair, undefined, authorities);
      const { serial, notAfter } = pair;
      logger.info({ directory, serial, notAfter }, 'the serving certificate was loaded');
    } catch (error) {
      metrics.failed();
      const problem = messageOf(error);
      // Log a problem once, although every poll finds it again.
      if (problem === this.#lastProblem) return;
      this.#lastProblem = problem;
      const kept = this.#served.pair ? 'the previous pair stays in service' : 'there is none to serve yet';
      logger.error({ directory, problem }, `the serving certificate cannot be used, ${kept}: ${problem}`);
    }
  }

  #watch(signal: AbortSignal): void {
    if (this.#watcher || signal.aborted) return;
    const { clock, debounce, directory, logger } = this.#options;
    try {
      this.#watcher = watch(directory, { persistent: false }, () => {
        this.#cancelRecheck ??= clock.after(debounce, () => {
          this.#cancelRecheck = undefined;
          this.recheck();
        });
      });
      this.#watcher.on('error', (error) => {
        logger.warn({ err: error, directory }, 'watching certificates failed; polling goes on');
        this.#stopWatching();
      });
    } catch {
      // The directory does not exist yet (reading reports that) or cannot be watched. The next poll tries again.
    }
  }

  #stopWatching(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
    this.#cancelRecheck?.();
    this.#cancelRecheck = undefined;
  }
}

/**
 * Reads both files from one state of the directory. A kubelet writes a new folder and then points the link `..data`
 * to it. Reading each file through the link could give the old certificate with the new key.
 */
async function readTogether(directory: string): Promise<{ cert: string; key: string; authorities: string }> {
  const folder = await realpath(join(directory, '..data')).catch(() => directory);
  const read = (name: string) => readFile(join(folder, name), 'utf8');
  // The CA is read for its expiry date only. Not every issuer gives one.
  const [cert, key, authorities] = await Promise.all([
    read('tls.crt'),
    read('tls.key'),
    read('ca.crt').catch(() => ''),
  ]);
  return { cert, key, authorities };
}
