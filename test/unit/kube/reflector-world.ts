// A reflector on a scripted server: its lists and watches are answered by the test, its time is simulated, its
// connections are real. Asserts nothing but that a stopped reflector leaves no timer.

import assert from 'node:assert/strict';
import { ObjectCache } from '../../../src/kube/cache.ts';
import type { Client } from '../../../src/kube/client.ts';
import { staticConfig } from '../../../src/kube/config.ts';
import { createClient } from '../../../src/kube/json-client.ts';
import { Reflector } from '../../../src/kube/reflector.ts';
import { SimulatedClock } from '../../simulated-clock.ts';
import {
  answer,
  FakeServer,
  FakeWatch,
  listOf,
  type Request,
  type Script,
  type Thing,
  thing,
  things,
  until,
} from './fake-server.ts';

export class ReflectorWorld {
  readonly clock = new SimulatedClock();
  readonly cache = new ObjectCache<Thing>({ freeze: true });
  readonly abort = new AbortController();
  /** One line for each failure, as onError tells it. */
  readonly failures: string[] = [];
  readonly lists: Request[] = [];
  readonly watches: FakeWatch[] = [];
  readonly server: FakeServer;
  readonly reflector: Reflector<Thing>;
  readonly #client: Client;

  onList: Script = (_, response) => answer(response, listOf([thing('a', 1)], '10'));

  /** Opens a watch that the test writes to; also to return to after a refusal. */
  readonly open: Script = (request, response) => {
    this.watches.push(new FakeWatch(request, response));
  };
  onWatch: Script = this.open;

  static async create(): Promise<ReflectorWorld> {
    return new ReflectorWorld(await FakeServer.start());
  }

  private constructor(server: FakeServer) {
    this.server = server;
    server.script = (request, response) => {
      if (request.query.get('watch')) return this.onWatch(request, response);
      this.lists.push(request);
      this.onList(request, response);
    };
    this.#client = createClient(staticConfig(server.url));
    this.reflector = new Reflector({
      client: this.#client,
      resource: things,
      cache: this.cache,
      clock: this.clock,
      random: () => 0,
      onError: (error, { phase, failures, retryInMs }) =>
        this.failures.push(`${phase} #${failures} in ${retryInMs}: ${(error as Error).message}`),
    });
  }

  async stop(): Promise<void> {
    await this.reflector.stop();
    this.#client.close();
    await this.server.stop();
    assert.equal(this.clock.pending, 0);
  }

  /** What the cache holds, as `name@resourceVersion`. */
  get held(): string[] {
    return this.cache
      .list()
      .map(({ metadata }) => `${metadata.name}@${metadata.resourceVersion}`)
      .sort();
  }

  /** Starts, and waits for the first watch. */
  async begin(): Promise<FakeWatch> {
    await this.reflector.start(this.abort.signal);
    return this.watch();
  }

  /** The n-th watch, open on both sides. */
  async watch(n = 1): Promise<FakeWatch> {
    await until(`watch ${n} is open`, () => this.watches.length >= n);
    await until(`watch ${n} has its timer`, () => this.clock.pending > 0);
    return this.watches[n - 1]!;
  }

  /** Lets the pause pass that the reflector is in. */
  async passPause(ms: number): Promise<void> {
    await until(`it pauses for ${ms} ms`, () => this.clock.untilNext === ms);
    await this.clock.advance(ms);
  }

  /** Waits until the cache has followed the server so far. */
  async follows(resourceVersion: string): Promise<void> {
    await until(
      `${resourceVersion} is there`,
      () => this.reflector.lastSyncResourceVersion === resourceVersion,
    );
  }
}

/** The resourceVersion a watch begins at. */
export const from = ({ request }: FakeWatch) => request.query.get('resourceVersion');
