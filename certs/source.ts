// What the admission server needs of certificates: a pair to serve, the CA bundle that clients must trust, and
// notice of changes. Does not know where they come from, nor who serves them.
import { issuerExpiry, type ServingPair } from './pair.ts';

export interface CertSource {
  /**
   * Resolves when the first usable pair is available. Earlier failures are logged and retried, so it rejects only
   * when `signal` aborts first, with the signal's reason. The source then runs until `signal` aborts.
   */
  start(signal: AbortSignal): Promise<void>;
  current(): ServingPair | undefined;
  /** The CAs that clients must trust (PEM, oldest first). Undefined when somebody else publishes them. */
  caBundle(): string | undefined;
  /** Calls `listener` after the pair or the bundle has changed. Returns a function that unsubscribes. */
  onChange(listener: () => void): () => void;
  /** When the served certificate expires, in seconds since the epoch; 0 when there is none. */
  expiry(): number;
  /** When the CA that signed that certificate expires, in seconds since the epoch; 0 when that is unknown. */
  authorityExpiry(): number;
  /** Checks now instead of at the next regular check. */
  recheck(): void;
}

/** Counters with the names that controller-runtime's certwatcher uses. */
export interface CertMetrics {
  /** certwatcher_read_certificate_total */
  read(): void;
  /** certwatcher_read_certificate_errors_total */
  failed(): void;
}

export const noCertMetrics: CertMetrics = { read() {}, failed() {} };

/** The part of pino that this room uses. */
export interface CertLogger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** The pair in service and the listeners of changes. Every source uses it. */
export class Served {
  readonly #listeners = new Set<() => void>();
  readonly #logger: CertLogger;
  #pair: ServingPair | undefined;
  #bundle: string | undefined;
  #authorityExpiry = 0;

  constructor(logger: CertLogger) {
    this.#logger = logger;
  }

  get pair(): ServingPair | undefined {
    return this.#pair;
  }

  get bundle(): string | undefined {
    return this.#bundle;
  }

  get expiry(): number {
    return this.#pair ? this.#pair.notAfter.getTime() / 1000 : 0;
  }

  get authorityExpiry(): number {
    return this.#authorityExpiry;
  }

  /**
   * Adopts a new pair or bundle; `undefined` keeps the old one. Calls the listeners only when something has
   * changed.
   * @param authorities PEM: the CAs that may have signed the pair, when they differ from the bundle
   */
  offer(pair: ServingPair | undefined, bundle?: string, authorities = bundle): void {
    const before = [this.#pair?.cert, this.#pair?.key, this.#bundle];
    this.#pair = pair ?? this.#pair;
    this.#bundle = bundle ?? this.#bundle;
    const after = [this.#pair?.cert, this.#pair?.key, this.#bundle];
    if (before.every((text, i) => text === after[i])) return;
    if (this.#pair) this.#authorityExpiry = issuerExpiry(this.#pair.cert, authorities ?? '');
    for (const listener of this.#listeners) {
      try {
        listener();
      } catch (error) {
        // One failing listener must not keep the new certificate from the others.
        this.#logger.error({ err: error }, 'a listener of certificate changes failed');
      }
    }
  }

  listen(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Resolves once there is a pair. Rejects with the signal's reason when the signal aborts first. */
  ready(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const finish = () => {
        if (!this.#pair && !signal.aborted) return;
        stop();
        signal.removeEventListener('abort', finish);
        if (this.#pair) resolve();
        else reject(signal.reason);
      };
      const stop = this.listen(finish);
      signal.addEventListener('abort', finish);
      finish();
    });
  }
}
