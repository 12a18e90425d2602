// A world for the certificate tests: one Secret, webhook configurations, API servers that learn of them late,
// and replicas, on a simulated clock. It checks the promise at every change: what is served verifies against
// every bundle in force. Asserts on the world only; knows nothing of how the source does its work.

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { type KeyMaker, rsaKey, servingNames } from '../../../certs/authority.ts';
import { pemBlocks } from '../../../certs/pair.ts';
import {
  type BundlePublisher,
  ConflictError,
  SecretSource,
  type SecretSourceOptions,
  type SecretStore,
} from '../../../certs/secret-source.ts';
import type { CertLogger } from '../../../certs/source.ts';
import { sleep } from '../../../src/runtime/clock.ts';
import { MemorySecretStore } from '../../certs/memory-store.ts';
import { SimulatedClock } from '../../simulated-clock.ts';

export const minute = 60_000;
export const hour = 60 * minute;
export const day = 24 * hour;

/** How replicas learn of what others change. */
export const seeing: { how: string; watchLag: { watchLag?: number } }[] = [
  { how: 'read at every look', watchLag: {} },
  { how: 'followed by watches', watchLag: { watchLag: 2000 } },
];

/** Repeatable random numbers, 0 to 1 (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const made: Promise<string>[] = [];

/** Real RSA keys, made once in a process and dealt in turn: a simulated year needs hundreds. */
export async function dealtKeys(count = 8): Promise<KeyMaker> {
  while (made.length < count) made.push(rsaKey());
  const keys = await Promise.all(made.slice(0, count));
  let dealt = 0;
  return async () => keys[dealt++ % count]!;
}

export interface Logged {
  level: 'info' | 'warn' | 'error';
  fields: object;
  message: string;
}

export function recordingLogger(lines: Logged[]): CertLogger {
  const at = (level: Logged['level']) => (fields: object, message: string) =>
    void lines.push({ level, fields, message });
  return { info: at('info'), warn: at('warn'), error: at('error') };
}

/** What happens around a call to the outside; `call` says where, e.g. 'secret.update'. */
export type Weather = (call: string, act: () => Promise<unknown>) => Promise<unknown>;

export interface Configuration {
  name: string;
  bundle: string | undefined;
  version: number;
}

export interface WorldOptions {
  newKey: KeyMaker;
  settings: Partial<SecretSourceOptions>;
  seed?: number;
  weather?: Weather;
  /** Milliseconds until an API server acts on a configuration, at most. */
  apiServerLag?: number;
  /** Replicas hear of changes by watches, each up to so many milliseconds late; unset: they only read. */
  watchLag?: number;
}

export interface Replica {
  source: SecretSource;
  started: Promise<void>;
  stop: () => void;
}

export class World {
  readonly clock = new SimulatedClock();
  readonly store = new MemorySecretStore();
  readonly lines: Logged[] = [];
  readonly configurations: Configuration[] = ['mutating', 'validating'].map((name) => ({
    name,
    bundle: undefined,
    version: 0,
  }));
  /** What each API server goes by, per configuration. */
  readonly views = new Map<string, string>();
  readonly replicas = new Set<Replica>();
  readonly random: () => number;
  /** Whether what watches should tell is lost, without a word. */
  isDeaf = false;
  /** Calls of the replicas to the outside. */
  readonly calls: string[] = [];
  readonly #configurationWatchers = new Set<() => void>();
  /** Every leaf that was ever stored, with the time it appeared. */
  readonly leaves: { certificate: X509Certificate; at: number }[] = [];
  comparisons = 0;
  /** When and how the promise was broken. Thrown by `pass` only: what it is noticed in would catch it. */
  readonly broken: string[] = [];
  readonly #options: WorldOptions;
  /** Leaf and bundle → until when the bundle vouches for the leaf. */
  readonly #verdicts = new Map<string, number>();
  readonly #arrivals = new Map<string, number>();

  constructor(options: WorldOptions) {
    this.#options = options;
    this.random = seededRandom(options.seed ?? 1);
    this.store.watch(() => void this.#noteLeaf(), new AbortController().signal);
  }

  start(more: Partial<SecretSourceOptions> = {}): Replica {
    const stop = new AbortController();
    const source = new SecretSource({
      store: this.#storeSeenByAReplica(),
      publisher: this.#publisher(),
      names: servingNames('spikegate', 'shop'),
      clock: this.clock,
      logger: recordingLogger(this.lines),
      newKey: this.#options.newKey,
      random: (count) => Uint8Array.from({ length: count }, () => Math.floor(this.random() * 256)),
      ...this.#options.settings,
      ...more,
    });
    source.onChange(() => this.verify());
    const started = source.start(stop.signal);
    started.catch(() => {});
    const replica = {
      source,
      started,
      stop: () => {
        stop.abort();
        this.replicas.delete(replica);
      },
    };
    this.replicas.add(replica);
    return replica;
  }

  stop(): void {
    for (const replica of this.replicas) replica.stop();
  }

  /** Lets time pass in steps. @throws AssertionError when the promise was broken at any instant */
  async pass(ms: number, step = ms): Promise<void> {
    for (let passed = 0; passed < ms; passed += step) {
      await this.clock.advance(Math.min(step, ms - passed));
      this.verify();
      assert.deepEqual(this.broken, []);
    }
  }

  /** The promise: every served leaf is in date and verifies against every bundle that any API server goes by. */
  verify(): void {
    const now = this.clock.now();
    const must = (held: boolean, what: string) => {
      if (!held) this.broken.push(`${new Date(now).toISOString()}: ${what}`);
    };
    for (const { source } of this.replicas) {
      const pair = source.current();
      if (!pair) continue;
      must(pair.notBefore.getTime() <= now, `a leaf begins at ${pair.notBefore.toISOString()}`);
      must(now < pair.notAfter.getTime(), `a leaf ended at ${pair.notAfter.toISOString()}`);
      for (const bundle of this.bundles()) {
        this.comparisons++;
        must(this.#vouches(bundle, pair.cert, now), 'a bundle in force does not vouch for a leaf');
      }
    }
  }

  /** Every bundle in force: stored in a configuration, or still believed by an API server. */
  bundles(): Set<string> {
    const stored = this.configurations.flatMap(({ bundle }) => (bundle === undefined ? [] : [bundle]));
    return new Set([...stored, ...this.views.values()]);
  }

  async secret(): Promise<Record<string, string>> {
    const stored = await this.store.read();
    assert.ok(stored, 'the Secret must be there');
    return stored.data;
  }

  async authorities(): Promise<X509Certificate[]> {
    return pemBlocks((await this.secret())['ca.crt']!).map((pem) => new X509Certificate(pem));
  }

  /** Stores a configuration and lets the API servers hear of it, each in its own time, in order. */
  configure(configuration: Configuration, bundle: string): void {
    configuration.bundle = bundle;
    configuration.version++;
    for (const watcher of this.#configurationWatchers) watcher();
    this.verify();
    for (const server of ['first', 'second']) {
      const view = `${server} ${configuration.name}`;
      const lag = this.random() * (this.#options.apiServerLag ?? 0);
      const at = Math.max(this.clock.monotonic() + lag, this.#arrivals.get(view) ?? 0);
      this.#arrivals.set(view, at);
      this.clock.after(at - this.clock.monotonic(), () => {
        this.views.set(view, bundle);
        this.verify();
      });
    }
  }

  /** Somebody takes the bundle out of a configuration; API servers have not looked yet. */
  wipe(configuration: Configuration): void {
    configuration.bundle = undefined;
    configuration.version++;
    for (const watcher of this.#configurationWatchers) watcher();
  }

  #vouches(bundle: string, cert: string, now: number): boolean {
    const question = `${cert} ${bundle}`;
    let until = this.#verdicts.get(question);
    if (until === undefined) {
      const leaf = new X509Certificate(cert);
      const authority = pemBlocks(bundle)
        .map((pem) => new X509Certificate(pem))
        .find((candidate) => leaf.checkIssued(candidate) && leaf.verify(candidate.publicKey));
      until = authority ? authority.validToDate.getTime() : 0;
      this.#verdicts.set(question, until);
    }
    return now < until;
  }

  async #noteLeaf(): Promise<void> {
    const cert = (await this.store.read())?.data['tls.crt'];
    const [pem] = pemBlocks(cert ?? '');
    if (!pem) return;
    const certificate = new X509Certificate(pem);
    if (certificate.fingerprint256 === this.leaves.at(-1)?.certificate.fingerprint256) return;
    this.leaves.push({ certificate, at: this.clock.now() });
  }

  #storeSeenByAReplica(): SecretStore {
    const { store } = this;
    const told = new Told<string | undefined>(this, async () => (await store.read())?.version);
    return {
      read: () => this.#outside('secret.read', () => store.read()),
      create: (data) => this.#outside('secret.create', () => store.create(data)),
      update: (data, version) => this.#outside('secret.update', () => store.update(data, version)),
      ...(this.watchLag === undefined
        ? { watch: (listener, signal) => store.watch(listener, signal) }
        : {
            watch: (listener, signal) =>
              told.start(listener, signal, (onEvent) => store.watch(onEvent, signal)),
            isAt: (version) => told.is((heard) => heard === version),
          }),
    };
  }

  #publisher(): BundlePublisher {
    const told = new Told(this, async () => this.configurations.map(({ bundle }) => bundle));
    return {
      publish: async (latest) => {
        let written = false;
        for (const configuration of this.configurations) {
          if (await this.#publishTo(configuration, latest)) written = true;
        }
        return written;
      },
      ...(this.watchLag === undefined
        ? {}
        : {
            watch: (listener, signal) =>
              told.start(listener, signal, (onEvent) => {
                this.#configurationWatchers.add(onEvent);
                signal.addEventListener('abort', () => this.#configurationWatchers.delete(onEvent));
              }),
            shows: (bundle) => told.is((heard) => heard.every((one) => one === bundle)),
          }),
    };
  }

  get watchLag(): number | undefined {
    return this.#options.watchLag;
  }

  async #publishTo(configuration: Configuration, latest: () => Promise<string>): Promise<boolean> {
    for (;;) {
      const version = await this.#outside('configuration.read', async () => configuration.version);
      const bundle = await latest();
      if (configuration.bundle === bundle && configuration.version === version) return false;
      const written = await this.#outside('configuration.write', async () => {
        if (configuration.version !== version) return false;
        this.configure(configuration, bundle);
        return true;
      });
      if (written) return true;
    }
  }

  async #outside<T>(call: string, act: () => Promise<T>): Promise<T> {
    const { weather } = this.#options;
    this.calls.push(call);
    return weather ? ((await weather(call, act)) as T) : act();
  }
}

/** What one watch has told so far: late, and nothing while the world is deaf. */
class Told<T> {
  readonly #world: World;
  readonly #read: () => Promise<T>;
  #heard: { value: T } | undefined;

  constructor(world: World, read: () => Promise<T>) {
    this.#world = world;
    this.#read = read;
  }

  is(judge: (heard: T) => boolean): boolean | undefined {
    return this.#heard && judge(this.#heard.value);
  }

  start(listener: () => void, signal: AbortSignal, follow: (onEvent: () => void) => void): void {
    const hear = async () => {
      const lag = this.#world.random() * (this.#world.watchLag ?? 0);
      if (this.#world.isDeaf) return;
      if (lag > 0) await sleep(this.#world.clock, lag, signal);
      if (signal.aborted) return;
      this.#heard = { value: await this.#read() };
      listener();
    };
    follow(() => void hear());
    void hear();
  }
}

/** A network that is slow, fails before or after the effect, reports conflicts, and sometimes sleeps for `longest`. */
export function roughWeather(clock: SimulatedClock, random: () => number, longest: number): Weather {
  return async (call, act) => {
    if (random() < 0.2) await sleep(clock, random() * 2000);
    if (random() < 0.003) await sleep(clock, random() * longest);
    const luck = random();
    if (luck < 0.02) throw new Error(`${call}: connection refused`);
    if (luck < 0.04 && call === 'secret.update') throw new ConflictError('written meanwhile');
    const result = await act();
    if (random() < 0.003) await sleep(clock, random() * longest);
    if (luck > 0.98) throw new Error(`${call}: connection reset after the request was sent`);
    return result;
  };
}
