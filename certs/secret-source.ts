// Certificates of our own making, shared by all replicas through one Kubernetes Secret: every replica reads
// and serves what is there, any replica takes the next step of rotation, and compare-and-swap decides whose
// step it was. Policy is in rotation.ts; here are its steps carried out. Knows no client: the Secret and the
// webhook configurations are behind two small interfaces.
//
//   read the Secret → adopt a new pair or bundle → ask policy → take one step (a write) → again from the start
//   … until policy is content; then make sure the bundle is still published, and wait for the next check.
//
// Between such checks nothing is read: the Secret and the configurations are followed by watches, a change of either
// begins a check at once, and whether time alone makes a step due is judged from what was read last. Where nothing
// is followed (no permission, a dead watch), every look is a check.
//
// Every step is one compare-and-swap and every decision starts from a fresh read, so a crash between any two
// leaves a state that the next check, here or in another replica, goes on from.

import { randomBytes } from 'node:crypto';
import type { Clock } from '../src/runtime/clock.ts';
import { issueAuthority, issueLeaf, type KeyMaker, type RandomBytes, rsaKey } from './authority.ts';
import { CheckLoop, type Rest } from './check-loop.ts';
import { canonicalName, parsePair } from './pair.ts';
import {
  authorityOf,
  checkSettings,
  confirmPublished,
  nextStep,
  publicationUndone,
  type RotationSettings,
  type RotationState,
  type Step,
  usableLeaf,
} from './rotation.ts';
import {
  bundleOf,
  newAuthority,
  type ParsedSecret,
  parseSecret,
  recall,
  type SecretData,
  type Serving,
  serializeState,
} from './secret-state.ts';
import {
  type CertLogger,
  type CertMetrics,
  type CertSource,
  noCertMetrics,
  Served,
  type ServingPair,
} from './source.ts';

/** The Secret was written by somebody else since it was read, or exists already, or is gone. */
export class ConflictError extends Error {
  override readonly name = 'ConflictError';
}

/** Every call must settle: a deadline on requests is the implementation's. Values are decoded (not base64). */
export interface SecretStore {
  /** From the API server itself, never from a cache: what is published is decided by it. */
  read(): Promise<{ data: SecretData; version: string } | undefined>;
  /** Resolves to the new version. @throws ConflictError when the Secret exists */
  create(data: SecretData): Promise<string>;
  /** Resolves to the new version. @throws ConflictError when `version` is not the stored one */
  update(data: SecretData, version: string): Promise<string>;
  /** Calls `listener` after the Secret may have changed; without it, the regular check finds changes. */
  watch?(listener: () => void, signal: AbortSignal): void;
  /** Whether the Secret still has this version, by what the watch has told; undefined where that is not known. */
  isAt?(version: string): boolean | undefined;
}

export interface BundlePublisher {
  /**
   * Makes every webhook configuration (and whatever else there is) trust exactly the bundle; resolves once
   * that is stored, to whether anything had to be written. For each object: read it, *then* call `latest`,
   * then write what it gave with the resourceVersion that was read (nothing, where it is there already);
   * begin again on a conflict. In this order a replica that slept half-way cannot put an old bundle over a
   * newer one. An object that does not exist is not an error.
   */
  publish(latest: () => Promise<string>): Promise<boolean>;
  /** Calls `listener` after a configuration may have changed; without it, the regular check finds changes. */
  watch?(listener: () => void, signal: AbortSignal): void;
  /** Whether every configuration trusts exactly this bundle, by what the watch has told; undefined where unknown. */
  shows?(bundle: string): boolean | undefined;
}

export interface SecretSourceOptions {
  store: SecretStore;
  publisher: BundlePublisher;
  /** DNS names and IP addresses of the server: `servingNames(…)`. */
  names: readonly string[];
  clock: Clock;
  logger: CertLogger;
  /** Milliseconds, as all that follow. */
  authorityLifetime?: number;
  leafLifetime?: number;
  overlap?: number;
  /** Between two looks at what is known. */
  checkEvery?: number;
  /** Between two checks that read everything, whatever the watches say: makes up for an event that never came. */
  readEvery?: number;
  random?: RandomBytes;
  newKey?: KeyMaker;
  metrics?: CertMetrics;
}

const day = 24 * 3_600_000;

const rotationDefaults = {
  authorityLifetime: 365 * day,
  leafLifetime: 30 * day,
  // API servers learn of a new bundle by watch, within seconds; a day costs nothing and covers a night.
  overlap: day,
  // Short timers judged by the wall clock, not one long one: a timer does not count while a machine sleeps.
  checkEvery: 60_000,
  readEvery: 3_600_000,
};

/** Between two checks, however often they are asked for: somebody may undo every one of them. */
const leastRest = 1_000;

/** More than one rotation takes, so reaching it is a fault: then the next check tries again. */
const mostRounds = 20;

export class SecretSource implements CertSource {
  readonly #options: Required<SecretSourceOptions>;
  readonly #settings: RotationSettings;
  readonly #served: Served;
  #serving: Serving | undefined;
  #parsed: { version: string; state: ParsedSecret } | undefined;
  readonly #loop: CheckLoop;
  #failures = 0;
  /** What the last check that read everything left behind; undefined when it must be read again. */
  #settled: { version: string; state: ParsedSecret; monotonic: number; wall: number } | undefined;

  /** @throws RangeError when the lifetimes cannot work together */
  constructor(options: SecretSourceOptions) {
    this.#options = {
      ...rotationDefaults,
      random: randomBytes,
      newKey: rsaKey,
      metrics: noCertMetrics,
      ...options,
    };
    const { names, authorityLifetime, leafLifetime, overlap } = this.#options;
    this.#settings = { names: names.map(canonicalName), authorityLifetime, leafLifetime, overlap };
    checkSettings(this.#settings);
    this.#served = new Served(options.logger);
    this.#loop = new CheckLoop(options.clock);
  }

  start(signal: AbortSignal): Promise<void> {
    const { store, publisher } = this.#options;
    if (!signal.aborted) for (const it of [store, publisher]) it.watch?.(() => this.#loop.recheck(), signal);
    void this.#loop.run(signal, () => this.#look(signal));
    return this.#served.ready(signal);
  }

  current(): ServingPair | undefined {
    return this.#served.pair;
  }

  caBundle(): string | undefined {
    return this.#served.bundle;
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
    this.#settled = undefined;
    this.#loop.recheck();
  }

  async #look(signal: AbortSignal): Promise<Rest> {
    const { logger, random, checkEvery, leafLifetime, metrics } = this.#options;
    // Replicas that wait alike all make a key for the same renewal, and all but one throw it away.
    const jitter = 1 - random(1)[0]! / 1024;
    const ms = Math.min(checkEvery, leafLifetime / 20) * jitter;
    if (this.#nothingIsDue()) return { ms };
    metrics.read();
    try {
      this.#settled = undefined;
      await this.#check(signal);
      this.#failures = 0;
      return { ms, undisturbedMs: Math.min(ms, leastRest) };
    } catch (error) {
      if (signal.aborted) return { ms };
      metrics.failed();
      const fields = { err: error, failures: ++this.#failures };
      logger.error(fields, 'certificates could not be checked; what is served stays');
      const rest = Math.min(ms, 500 * 2 ** this.#failures * jitter);
      return { ms: rest, undisturbedMs: rest };
    }
  }

  /** By what is known without asking: all is as the last check left it, and the time for no step has come. */
  #nothingIsDue(): boolean {
    const { store, publisher, clock, readEvery } = this.#options;
    if (!this.#settled) return false;
    const { version, state, monotonic, wall } = this.#settled;
    const now = clock.now();
    // By both clocks: one of them stands still while a machine sleeps.
    if (Math.max(clock.monotonic() - monotonic, Math.abs(now - wall)) >= readEvery) return false;
    if (!store.isAt?.(version) || !publisher.shows?.(bundleOf(state.authorities))) return false;
    return recall(state, this.#serving, now) === state && nextStep(state, this.#settings, now) === undefined;
  }

  async #check(signal: AbortSignal): Promise<void> {
    const { clock, store, logger } = this.#options;
    for (let round = 0; round < mostRounds; round++) {
      const stored = await store.read();
      if (signal.aborted) return;
      const state = this.#parse(stored);
      this.#adopt(state);
      try {
        const mended = recall(state, this.#serving, clock.now());
        if (mended !== state) {
          logger.warn({}, 'the Secret has lost the certificate in use, or its CA; putting it back');
          await this.#write(mended, stored);
          continue;
        }
        const step = nextStep(state, this.#settings, clock.now());
        // Confirmed once is not for ever: someone may have applied an old manifest over the bundle since. So it
        // is published again at the end of every check, and before the first leaf of a CA.
        if (!step || (step.do === 'issue-leaf' && step.authority.fingerprint !== state.leaf?.authority)) {
          const waiting = (await this.#publish()) && publicationUndone(state, this.#settings, clock.now());
          if (waiting) {
            logger.warn({}, 'the bundle had been overwritten; the new CA waits for its overlap again');
            await this.#write(waiting, stored);
          }
          if (!step) {
            if (stored && !waiting) this.#settle(stored.version, state);
            return;
          }
          if (waiting) continue;
        }
        await this.#write(await this.#take(step, state), stored);
        logger.info({ step: step.do, reason: step.reason }, `certificates: ${step.message}`);
      } catch (error) {
        // Another replica was first. Its step is ours as well; read on.
        if (!(error instanceof ConflictError)) throw error;
      }
    }
    throw new Error(`certificates must settle within ${mostRounds} steps, and did not`);
  }

  #settle(version: string, state: ParsedSecret): void {
    const { clock } = this.#options;
    this.#settled = { version, state, monotonic: clock.monotonic(), wall: clock.now() };
  }

  /** Carries a step out as far as it lies outside the Secret; resolves to the state to store. */
  async #take(step: Step, state: RotationState): Promise<RotationState> {
    const { clock, newKey, random } = this.#options;
    const { authorities } = state;
    switch (step.do) {
      case 'publish': {
        await this.#publish();
        // Stored only if the Secret is still the one read before, so this is the bundle that was published.
        return confirmPublished(state, clock.now());
      }
      case 'add-authority': {
        const key = await newKey();
        const lifetime = this.#settings.authorityLifetime;
        const cert = issueAuthority({ key, now: clock.now(), lifetime, random });
        return { ...state, authorities: [...authorities, newAuthority(cert, key)] };
      }
      case 'issue-leaf': {
        const { authority, names } = step;
        const key = await newKey();
        const signer = { cert: authority.cert, key: authority.key! };
        const lifetime = this.#settings.leafLifetime;
        const cert = issueLeaf({
          key,
          now: clock.now(),
          lifetime,
          random,
          names: [...names],
          authority: signer,
        });
        const older = authorities.slice(0, authorities.indexOf(authority));
        return {
          // A CA that has a successor at work never signs again: its key is better gone.
          authorities: authorities.map((one) => (older.includes(one) ? { ...one, key: undefined } : one)),
          leaf: { pair: parsePair(cert, key), names, authority: authority.fingerprint },
        };
      }
      case 'drop-authorities':
        return { ...state, authorities: step.keep };
    }
  }

  async #publish(): Promise<boolean> {
    const { clock, store, publisher } = this.#options;
    return publisher.publish(async () => {
      const { authorities } = this.#parse(await store.read());
      const serving = this.#serving;
      const vouched = authorities.some((one) => one.fingerprint === serving?.authority.fingerprint);
      // An empty bundle would mean the system's roots, and one without our CA an outage.
      if (authorities.length === 0) throw new Error('the Secret must hold a CA before it can be published');
      if (serving && !vouched && clock.now() < serving.authority.notAfter) {
        throw new ConflictError('the Secret has lost the CA of the certificate in use');
      }
      return bundleOf(authorities);
    });
  }

  #parse(stored: { data: SecretData; version: string } | undefined): ParsedSecret {
    if (!stored) return parseSecret({});
    if (this.#parsed?.version !== stored.version) {
      const state = parseSecret(stored.data);
      this.#parsed = { version: stored.version, state };
      if (state.problems.length > 0) {
        const message = 'the certificate Secret is damaged; what cannot be read is issued anew';
        this.#options.logger.error({ problems: state.problems }, message);
      }
    }
    return this.#parsed.state;
  }

  /** Takes over what may be served; a Secret without a usable leaf leaves the present one in service. */
  #adopt(state: RotationState): void {
    const leaf = usableLeaf(state, this.#options.clock.now());
    const authority = leaf && authorityOf(leaf, state);
    if (leaf && authority) this.#serving = { leaf, authority };
    this.#served.offer(leaf?.pair, bundleOf(state.authorities) || undefined);
  }

  async #write(
    state: RotationState,
    stored: { data: SecretData; version: string } | undefined,
  ): Promise<void> {
    const { store } = this.#options;
    const data = { ...stored?.data, ...serializeState(state) };
    if (stored) await store.update(data, stored.version);
    else await store.create(data);
  }
}
