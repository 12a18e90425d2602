// The secret in the webhooks' path, on a simulated clock: whatever happens to the Secret and to the configurations, the
// path that an API server was told is one that every replica accepts, and every path is replaced in its time.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { PathSource, pathDefaults } from '../../../certs/path-source.ts';
import {
  afterPathStep,
  nextPathStep,
  parsePathTokens,
  serializePathTokens,
} from '../../../certs/path-tokens.ts';
import type { BundlePublisher } from '../../../certs/secret-source.ts';
import { MemorySecretStore } from '../../certs/memory-store.ts';
import { SimulatedClock } from '../../simulated-clock.ts';
import { type Logged, recordingLogger } from './world.ts';

const minute = 60_000;
const { lifetime, overlap } = pathDefaults;

class World {
  readonly clock = new SimulatedClock(Date.UTC(2026, 0, 1));
  readonly store = new MemorySecretStore();
  readonly lines: Logged[] = [];
  /** The token in the webhook configurations. */
  told: string | undefined;
  /** What an API server goes by: a minute behind. */
  readonly believed = new Set<string>();
  readonly everTold: string[] = [];
  readonly replicas = new Set<PathSource>();
  readonly stops = new Map<PathSource, AbortController>();
  /** Runs before the token is asked for that is then written. */
  beforePublish: ((by: PathSource) => Promise<void>) | undefined;

  #publisherOf(replica: () => PathSource): BundlePublisher {
    return {
      publish: async (latest) => {
        const ambush = this.beforePublish;
        this.beforePublish = undefined;
        await ambush?.(replica());
        const token = await latest();
        if (this.told === token) return false;
        this.tell(token);
        return true;
      },
    };
  }

  tell(token: string | undefined): void {
    const before = this.told;
    this.told = token;
    if (token === undefined) return;
    this.believed.add(token);
    this.everTold.push(token);
    if (before !== undefined) this.clock.after(minute, () => this.believed.delete(before));
  }

  start(): PathSource {
    const stop = new AbortController();
    const source: PathSource = new PathSource({
      store: this.store,
      publisher: this.#publisherOf(() => source),
      clock: this.clock,
      logger: recordingLogger(this.lines),
    });
    this.stops.set(source, stop);
    // It serves once it has started.
    void source.start(stop.signal).then(
      () => this.replicas.add(source),
      () => {},
    );
    return source;
  }

  stop(source: PathSource): void {
    this.replicas.delete(source);
    this.stops.get(source)?.abort();
  }

  /** @throws AssertionError when an API server would be refused at any moment */
  async pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 10_000) {
      await this.clock.advance(Math.min(10_000, ms - passed));
      for (const replica of this.replicas)
        for (const token of this.believed) assert.ok(accepts(replica, token), `${token} is refused`);
    }
  }

  async tokens() {
    return parsePathTokens((await this.store.read())?.data);
  }
}

const accepts = (source: PathSource, token: string): boolean =>
  [...source.tokens()].some((bytes) => bytes.toString() === token);

describe('the secret in the path of the webhooks', () => {
  let world: World;
  beforeEach(() => {
    world = new World();
  });
  afterEach(() => {
    for (const replica of world.stops.keys()) world.stop(replica);
  });

  async function begin(count: number): Promise<PathSource[]> {
    const replicas = Array.from({ length: count }, () => world.start());
    await world.pass(10_000);
    assert.equal(world.replicas.size, count);
    return replicas;
  }

  it('is made once, however many replicas begin at the same time, and told before they serve', async () => {
    await begin(3);
    assert.equal((await world.tokens()).length, 1);
    assert.match(world.told ?? '', /^[0-9a-f]{64}$/);
    assert.deepEqual(new Set(world.everTold), new Set([world.told]));
  });

  it('is replaced again and again, and no API server is ever refused', async () => {
    const [first] = await begin(3);
    const before = world.told!;
    await world.pass(lifetime + 3 * overlap);
    assert.notEqual(world.told, before);
    assert.equal(accepts(first!, before), false);
    await world.pass(12 * (lifetime + overlap));
    assert.ok(new Set(world.everTold).size > 10);
    assert.ok((await world.tokens()).length <= 2);
  });

  it('is written again when somebody takes it out of the configurations', async () => {
    await begin(2);
    const before = world.told;
    world.tell(undefined);
    await world.pass(2 * minute);
    assert.equal(world.told, before);
  });

  it('changes, without a refusal, when its Secret is deleted or emptied', async () => {
    const loss = [
      () => world.store.put(undefined),
      () => world.store.put({}),
      () => world.store.put({ tokens: '{' }),
    ];
    await begin(3);
    for (const lose of loss) {
      const before = world.told;
      lose();
      await world.pass(3 * overlap);
      assert.notEqual(world.told, before);
      assert.equal((await world.tokens()).length, 1);
    }
  });

  it('is taken from the Secret by a replica that comes later, in the middle of a change too', async () => {
    const [first] = await begin(1);
    await world.pass(lifetime + overlap / 2);
    assert.equal((await world.tokens()).length, 2);
    world.start();
    await world.pass(overlap);
    world.stop(first!);
    await world.pass(3 * overlap);
    assert.equal(world.replicas.size, 1);
  });

  it('is not turned back by a replica that slept for hours before it wrote', async () => {
    await begin(2);
    await world.pass(lifetime + overlap - minute);
    world.beforePublish = async (sleeper) => {
      // A stopped process serves nobody, and learns of nothing.
      world.replicas.delete(sleeper);
      await new Promise<void>((resolve) => world.clock.after(4 * lifetime, resolve));
      world.clock.after(minute, () => world.replicas.add(sleeper));
    };
    await world.pass(6 * lifetime);
    assert.equal(world.told, (await world.tokens()).find(({ published }) => published !== undefined)?.token);
  });

  it('goes back with a cluster that was restored from a backup', async () => {
    await begin(2);
    const backup = { secret: (await world.store.read())!.data, told: world.told };
    await world.pass(lifetime + 3 * overlap);
    assert.notEqual(world.told, backup.told);
    world.store.put(backup.secret);
    world.told = backup.told;
    // What API servers believed is gone with their restart.
    world.believed.clear();
    await world.clock.advance(2000);
    world.believed.add(backup.told!);
    await world.pass(6 * lifetime);
  });

  it('is replaced in its time, although a replica whose clock was a day ahead wrote its times', () => {
    const now = Date.UTC(2026, 0, 1);
    const ahead = now + 24 * 60 * minute;
    const next = (...tokens: { token: string; added: number; published?: number }[]) =>
      nextPathStep(tokens, pathDefaults, now);
    const wrong = { token: 'a', added: ahead, published: ahead };
    assert.equal(next(wrong), 'publish');
    const mended = afterPathStep([wrong], 'publish', now, '');
    assert.equal(nextPathStep(mended, pathDefaults, now), undefined);
    assert.equal(nextPathStep(mended, pathDefaults, now + lifetime), 'add');
    const old = { token: 'old', added: now - lifetime, published: now - lifetime };
    assert.equal(next(old, { token: 'a', added: ahead }), 'add');
    assert.equal(next({ token: 'a', added: now, published: now + overlap }), undefined);
  });

  it('keeps what a damaged Secret still has', () => {
    const good = { token: 'a'.repeat(64), added: 0, published: 1000 };
    const { tokens } = serializePathTokens([good]);
    const odd = [null, 7, { token: 'short' }, { token: 'A'.repeat(64) }, { token: ['a'.repeat(64)] }];
    assert.deepEqual(parsePathTokens({ tokens: JSON.stringify([...odd, ...JSON.parse(tokens!)]) }), [good]);
    for (const text of ['', '7', 'null', '{}', '[', '{"tokens":1}'])
      assert.deepEqual(parsePathTokens({ tokens: text }), []);
  });

  it('is not ready, and resolves nothing, while it may not be written into the configurations', async () => {
    const stop = new AbortController();
    const refuses = { publish: () => Promise.reject(new Error('forbidden')) };
    const source = new PathSource({
      store: world.store,
      publisher: refuses,
      clock: world.clock,
      logger: recordingLogger(world.lines),
    });
    let isStarted = false;
    const started = source.start(stop.signal).then(() => {
      isStarted = true;
    });
    await world.clock.advance(10 * minute);
    assert.equal(isStarted, false);
    assert.ok(
      world.lines.some(
        ({ level, fields }) =>
          level === 'error' && /forbidden/.test(String((fields as { err?: unknown }).err)),
      ),
    );
    stop.abort();
    await assert.rejects(started, { name: 'AbortError' });
  });
});
