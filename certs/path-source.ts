// The secret in the webhooks' path. All replicas share the tokens through one Kubernetes Secret, and accept all of
// them. path-tokens.ts decides the next step; this file carries it out, writes the token in use into the webhook
// configurations, and writes it again when somebody removes it. It knows no client: the Secret and the configurations
// are behind the interfaces of secret-source.ts.

import type { Clock } from '../src/runtime/clock.ts';
import { CheckLoop, type Rest } from './check-loop.ts';
import {
  afterPathStep,
  newToken,
  nextPathStep,
  type PathSettings,
  type PathToken,
  parsePathTokens,
  serializePathTokens,
  tokenInUse,
} from './path-tokens.ts';
import { type BundlePublisher, ConflictError, type SecretStore } from './secret-source.ts';
import type { CertLogger } from './source.ts';

export interface PathSourceOptions extends Partial<PathSettings> {
  store: SecretStore;
  /** Writes the token into every webhook configuration. */
  publisher: BundlePublisher;
  clock: Clock;
  logger: CertLogger;
  /** Ms between two checks. A watch starts a check when something changes. */
  checkEvery?: number;
}

export const pathDefaults = {
  // Kubernetes names the path to a client whose webhook call fails, so a path is not secret for long.
  lifetime: 3_600_000,
  // A watch may be silent for up to 11 minutes before it counts as broken (named-object.ts).
  overlap: 15 * 60_000,
  checkEvery: 60_000,
};

/** Pause between two checks, however often a watch asks for one. */
const leastRest = 1000;
/** More steps than one check can need. */
const mostSteps = 6;

export class PathSource {
  readonly name = 'webhook path';
  readonly #options: PathSourceOptions & typeof pathDefaults;
  readonly #loop: CheckLoop;
  /** Accepted tokens with the monotonic time when the Secret last had them. */
  readonly #accepted = new Map<string, { bytes: Buffer; seen: number }>();
  /** The tokens as last read or written here. */
  #known: readonly PathToken[] = [];
  /** The Secret's version when the last check ended well. Undefined: the next check must read the Secret. */
  #version: string | undefined;
  #failures = 0;
  #endFirstCheck: () => void = () => {};
  readonly #firstCheck = new Promise<void>((resolve) => {
    this.#endFirstCheck = resolve;
  });

  constructor(options: PathSourceOptions) {
    this.#options = { ...pathDefaults, ...options };
    this.#loop = new CheckLoop(options.clock);
  }

  /** Resolves when this replica knows the tokens and the webhook configurations have the one in use. */
  async start(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { store, publisher } = this.#options;
    for (const it of [store, publisher]) it.watch?.(() => this.#loop.recheck(), signal);
    void this.#loop.run(signal, () => this.#tick(signal));
    const stopped = new Promise<void>((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    });
    await Promise.race([this.#firstCheck, stopped]);
  }

  ready(): { ok: boolean; why?: string } {
    return this.#accepted.size > 0
      ? { ok: true }
      : { ok: false, why: 'the secret of the webhook path is not known' };
  }

  /** The accepted tokens, as bytes for a comparison in constant time. */
  *tokens(): Iterable<Buffer> {
    for (const { bytes } of this.#accepted.values()) yield bytes;
  }

  /** Starts a check that reads the Secret, even when the watches saw no change. */
  recheck(): void {
    this.#version = undefined;
    this.#loop.recheck();
  }

  async #tick(signal: AbortSignal): Promise<Rest> {
    const { lifetime, overlap, logger } = this.#options;
    // With a short lifetime or overlap, steps are due more often.
    const checkEvery = Math.min(this.#options.checkEvery, lifetime / 10, overlap / 4);
    if (this.#nothingIsDue()) return { ms: checkEvery };
    try {
      await this.#check(signal);
      this.#failures = 0;
      this.#endFirstCheck();
      // The watches report the writes of this check. Without the pause, each one could start another check at once.
      return { ms: checkEvery, undisturbedMs: Math.min(checkEvery, leastRest) };
    } catch (error) {
      if (signal.aborted) return { ms: checkEvery };
      const fields = { err: error, failures: ++this.#failures };
      logger.error(fields, 'the secret of the webhook path could not be checked; the known tokens stay');
      const ms = Math.min(checkEvery, 500 * 2 ** this.#failures);
      return { ms, undisturbedMs: ms };
    }
  }

  /** Whether, as far as the watches know, nothing has changed and no step is due. */
  #nothingIsDue(): boolean {
    const { store, publisher, clock } = this.#options;
    const token = tokenInUse(this.#known);
    if (this.#version === undefined || token === undefined) return false;
    if (!store.isAt?.(this.#version) || !publisher.shows?.(token)) return false;
    // The Secret still has these tokens, so they stay accepted.
    this.#accept(this.#known);
    return nextPathStep(this.#known, this.#options, clock.now()) === undefined;
  }

  async #check(signal: AbortSignal): Promise<void> {
    const { store, publisher, clock, logger } = this.#options;
    for (let steps = 0; steps < mostSteps; steps++) {
      this.#version = undefined;
      const stored = await store.read();
      if (signal.aborted) return;
      const found = parsePathTokens(stored?.data);
      const tokens = this.#adopt(found);
      const step = nextPathStep(tokens, this.#options, clock.now());
      try {
        // The Secret has no tokens any more. This replica knows some, and writes them back.
        const isLost = tokens.length > 0 && found.length === 0;
        // Publish the token before the Secret records that, and again at the end of each check, because somebody may have
        // overwritten the configurations.
        if (step === 'publish') await publisher.publish(() => this.#confirmNewest(tokens.at(-1)!.token));
        else if (!step && !isLost) {
          await publisher.publish(() => this.#readTokenInUse());
          this.#version = stored?.version;
          return;
        }
        const next = step ? afterPathStep(tokens, step, clock.now(), newToken()) : tokens;
        const data = serializePathTokens(next);
        if (stored) await store.update(data, stored.version);
        else await store.create(data);
        this.#adopt(next);
        logger.info({ step: step ?? 'restore' }, 'the secret of the webhook path was changed');
      } catch (error) {
        // Another replica took the step first. Read its result and go on.
        if (!(error instanceof ConflictError)) throw error;
      }
    }
    throw new Error(`the secret of the webhook path must settle within ${mostSteps} steps, and did not`);
  }

  async #readTokenInUse(): Promise<string> {
    const token = tokenInUse(await this.#stored());
    if (token === undefined) throw new ConflictError('the Secret has lost its tokens');
    return token;
  }

  /** A replica that slept since it read the Secret must not publish what is no longer accepted. */
  async #confirmNewest(newest: string): Promise<string> {
    if ((await this.#stored()).at(-1)?.token !== newest) throw new ConflictError('there is a newer token');
    return newest;
  }

  async #stored(): Promise<PathToken[]> {
    return parsePathTokens((await this.#options.store.read())?.data);
  }

  /**
   * Accepts the tokens of the Secret. When it has none (somebody deleted it), this replica keeps the token in use and adds
   * a new one, which replaces it after the overlap. So to force a new token, delete the Secret; no order fails.
   */
  #adopt(stored: readonly PathToken[]): readonly PathToken[] {
    const { clock } = this.#options;
    const inUse = this.#known.find(({ token }) => token === tokenInUse(this.#known));
    const isLost = stored.length === 0 && inUse !== undefined;
    this.#known = isLost ? [inUse, { token: newToken(), added: clock.now() }] : stored;
    this.#accept(this.#known);
    return this.#known;
  }

  /** A token that the Secret has lost stays accepted for an overlap: API servers may still use it. */
  #accept(tokens: readonly PathToken[]): void {
    const { clock, overlap } = this.#options;
    const now = clock.monotonic();
    for (const { token } of tokens) this.#accepted.set(token, { bytes: Buffer.from(token), seen: now });
    for (const [token, { seen }] of this.#accepted) if (now - seen > overlap) this.#accepted.delete(token);
  }
}
