// Certificates that Spikegate issues itself. All replicas share them through one Kubernetes Secret: every replica
// serves what the Secret holds, and any replica may take the next step of rotation. Compare-and-swap decides which
// one does. rotation.ts decides which step is next; this file carries it out. It knows no client: the Secret and
// the webhook configurations are behind two small interfaces.
//
// A check reads the Secret, adopts a new pair or bundle, asks the policy, takes one step (a write), and begins
// again, until the policy has no step left. Then it makes sure that the bundle is still published.
//
// Between two checks nothing is read. Watches of the Secret and of the configurations start a check when something
// changes. A timer looks at what the last check read, and starts a check when a step has become due. Without
// working watches (no permission, a broken connection) every tick of the timer is a check.
//
// Every step is one compare-and-swap and every decision starts from a fresh read. So a crash between two steps
// leaves a state from which the next check, here or in another replica, goes on.

import { randomBytes } from 'node:crypto';
import type { Clock } from '../src/runtime/clock.ts';
import { issueAuthority, issueLeaf, type KeyMaker, type RandomBytes, rsaKey } from './authority.ts';
import { CheckLoop, type Rest } from './check-loop.ts';
import type { ServingPair } from './pair.ts';
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
  restoreLost,
  type SecretData,
  type Serving,
  serializeState,
} from './secret-state.ts';
import { type CertLogger, type CertMetrics, type CertSource, noCertMetrics, Served } from './source.ts';

/** Somebody else wrote the Secret since it was read, or it exists already, or it is gone. */
export class ConflictError extends Error {
  override readonly name = 'ConflictError';
}

/** Every call must settle; the implementation sets a deadline on requests. Values are decoded, not base64. */
export interface SecretStore {
  /** Reads from the API server, never from a cache, because the result decides what is published. */
  read(): Promise<{ data: SecretData; version: string } | undefined>;
  /** Resolves to the new version. @throws ConflictError when the Secret exists */
  create(data: SecretData): Promise<string>;
  /** Resolves to the new version. @throws ConflictError when `version` is not the stored one */
  update(data: SecretData, version: string): Promise<string>;
  /** Calls `listener` when the Secret may have changed. Without it, only the regular check finds changes. */
  watch?(listener: () => void, signal: AbortSignal): void;
  /** Whether the Secret still has this version, as far as the watch knows; undefined when it does not know. */
  isAt?(version: string): boolean | undefined;
}

export interface BundlePublisher {
  /**
   * Makes every webhook configuration trust exactly the bundle. Resolves when that is stored, to whether a write
   * was needed. For each object: read it, *then* call `latest`, then write the result with the resourceVersion that
   * was read; skip the write when nothing changes; begin again on a conflict. In this order a replica that slept in
   * between cannot put an old bundle over a newer one. An object that does not exist is not an error.
   */
  publish(latest: () => Promise<string>): Promise<boolean>;
  /** Calls `listener` when a configuration may have changed. Without it, only the regular check finds changes. */
  watch?(listener: () => void, signal: AbortSignal): void;
  /**
   * Whether every configuration trusts exactly this bundle, as far as the watch knows; undefined when it does not
   * know.
   */
  shows?(bundle: string): boolean | undefined;
}

export interface SecretSourceOptions {
  store: SecretStore;
  publisher: BundlePublisher;
  /** DNS names and IP addresses of the server: `servingNames(…)`. */
  names: readonly string[];
  clock: Clock;
  logger: CertLogger;
  /** This and the lifetimes and intervals below are in milliseconds. */
  authorityLifetime?: number;
  leafLifetime?: number;
  overlap?: number;
  /** Time between two ticks, which look only at what is known already. */
  checkEvery?: number;
  /** Time between two checks that read everything, in case a watch missed an event. */
  readEvery?: number;
  random?: RandomBytes;
  newKey?: KeyMaker;
  metrics?: CertMetrics;
}

const day = 24 * 3_600_000;

const rotationDefaults = {
  authorityLifetime: 365 * day,
  leafLifetime: 30 * day,
  // API servers learn of a new bundle within seconds, by watch. A day costs nothing, and is long enough for a
  // machine that sleeps overnight.
  overlap: day,
  // Short intervals with a look at the wall clock, because a timer stops while a machine sleeps.
  checkEvery: 60_000,
  readEvery: 3_600_000,
};

/** Pause between two checks, however often somebody asks: another writer may undo every write at once. */
const minRest = 1_000;

/** More rounds than one rotation needs. A check that reaches it has met a fault; the next check tries again. */
const maxRounds = 20;

export class SecretSource implements CertSource {
  readonly #options: Required<SecretSourceOptions>;
  readonly #settings: RotationSettings;
  readonly #served: Served;
  #serving: Serving | undefined;
  #parsed: { version: string; state: ParsedSecret } | undefined;
  readonly #loop: CheckLoop;
  #failures = 0;
  /** What the last full check found. Undefined when the next check must read everything. */
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
    // Without jitter, replicas would wait for the same time, and all but one would throw their new key away.
    const jitter = 1 - random(1)[0]! / 1024;
    const ms = Math.min(checkEvery, leafLifetime / 20) * jitter;
    if (this.#nothingIsDue()) return { ms };
    metrics.read();
    try {
      this.#settled = undefined;
      await this.#check(signal);
      this.#failures = 0;
      // `undisturbedMs`: the part of the pause that a watch event cannot cut short.
      return { ms, undisturbedMs: Math.min(ms, minRest) };
    } catch (error) {
      if (signal.aborted) return { ms };
      metrics.failed();
      const fields = { err: error, failures: ++this.#failures };
      logger.error(fields, 'certificates could not be checked; what is served stays');
      const rest = Math.min(ms, 500 * 2 ** this.#failures * jitter);
      return { ms: rest, undisturbedMs: rest };
    }
  }

  /** Whether, as far as is known without a read, nothing has changed and no step is due. */
  #nothingIsDue(): boolean {
    const { store, publisher, clock, readEvery } = this.#options;
    if (!this.#settled) return false;
    const { version, state, monotonic, wall } = this.#settled;
    const now = clock.now();
    // Compare both clocks: one of them stops while a machine sleeps.
    if (Math.max(clock.monotonic() - monotonic, Math.abs(now - wall)) >= readEvery) return false;
    if (!store.isAt?.(version) || !publisher.shows?.(bundleOf(state.authorities))) return false;
    return (
      restoreLost(state, this.#serving, now) === state && nextStep(state, this.#settings, now) === undefined
    );
  }

  async #check(signal: AbortSignal): Promise<void> {
    const { clock, store, logger } = this.#options;
    for (let round = 0; round < maxRounds; round++) {
      const stored = await store.read();
      if (signal.aborted) return;
      const state = this.#parse(stored);
      this.#adopt(state);
      try {
        const mended = restoreLost(state, this.#serving, clock.now());
        if (mended !== state) {
          logger.warn({}, 'the Secret has lost the certificate in use, or its CA; putting it back');
          await this.#write(mended, stored);
          continue;
        }
        const step = nextStep(state, this.#settings, clock.now());
        // The Secret records when a CA was published, but somebody may have applied an old manifest since. So publish
        // again at the end of every check, and before the first leaf of a CA. When `#publish` had to write, the overlap
        // of a CA that waits to sign begins again.
        if (!step || (step.do === 'issue-leaf' && step.authority.fingerprint !== state.leaf?.authority)) {
          const restarted = (await this.#publish()) && publicationUndone(state, this.#settings, clock.now());
          if (restarted) {
            logger.warn({}, 'the bundle had been overwritten; the new CA waits for its overlap again');
            await this.#write(restarted, stored);
          }
          if (!step) {
            if (stored && !restarted) this.#settle(stored.version, state);
            return;
          }
          if (restarted) continue;
        }
        await this.#write(await this.#take(step, state), stored);
        logger.info({ step: step.do, reason: step.reason }, `certificates: ${step.message}`);
      } catch (error) {
        // Another replica took a step first. Read its result and go on.
        if (!(error instanceof ConflictError)) throw error;
      }
    }
    throw new Error(`certificates must settle within ${maxRounds} steps, and did not`);
  }

  #settle(version: string, state: ParsedSecret): void {
    const { clock } = this.#options;
    this.#settled = { version, state, monotonic: clock.monotonic(), wall: clock.now() };
  }

  /** Carries out the part of a step that is outside the Secret. Resolves to the state to store. */
  async #take(step: Step, state: RotationState): Promise<RotationState> {
    const { clock, newKey, random } = this.#options;
    const { authorities } = state;
    switch (step.do) {
      case 'publish': {
        await this.#publish();
        // The state is stored only if the Secret has not changed since it was read, so this is the bundle that was
        // published.
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
          // A CA whose successor is in service never signs again, so its key is deleted.
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
      const hasServingCa = authorities.some((one) => one.fingerprint === serving?.authority.fingerprint);
      // An empty bundle would mean the system's roots; a bundle without our CA would mean an outage.
      if (authorities.length === 0) throw new Error('the Secret must hold a CA before it can be published');
      if (serving && !hasServingCa && clock.now() < serving.authority.notAfter) {
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

  /** Adopts a usable leaf and bundle. When the Secret has no usable leaf, the present one stays in service. */
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
