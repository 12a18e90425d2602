// What is attacked: a shop behind a real AdmissionServer on 127.0.0.1, and a legitimate client that orders there while
// others attack. Its errors are counted and its latency is compared with its own before the attack, never with a time.
import { Agent, request } from 'node:https';
import { formatHolds } from '../../src/api/holds.ts';
import type { AdmissionResponse } from '../../src/kube/admission.ts';
import type { AppOptions } from '../../src/server/app.ts';
import { BodyBudget } from '../../src/server/body-budget.ts';
import type { AdmissionServer, AdmissionServerOptions } from '../../src/server/server.ts';
import { mutatePath, validatePath } from '../../webhooks/registry.ts';
import { authority, fixedCerts, issuedBy, liveServer } from '../contract/live-server.ts';
import { review, uidOf } from '../contract/reviews.ts';
import { kindOf } from '../contract/things.ts';
import { at, minute, World } from '../contract/world.ts';
import { buyer, goods, order } from '../refusals/scenario.ts';

export const SpikeOrder = kindOf('SpikeOrder');
export const orderPaths = { mutate: mutatePath(SpikeOrder), validate: validatePath(SpikeOrder) };

export interface Figures {
  orders: number;
  /** Orders that were not let in, and why. */
  failed: string[];
  /** Milliseconds of one order: both webhooks. */
  p50: number;
  p95: number;
  longest: number;
}

/** Numbers of legitimate orders; a forger's begin at a million. */
let made = 0;

export class Shop {
  readonly world: World;
  readonly server: AdmissionServer;
  readonly budget: BodyBudget;
  readonly #agent = new Agent({ keepAlive: true, rejectUnauthorized: false });

  /** Of every path: the secret of the installation, where the shop has one. */
  readonly #prefix: string;

  private constructor(world: World, server: AdmissionServer, budget: BodyBudget, prefix: string) {
    this.#prefix = prefix;
    this.world = world;
    this.budget = budget;
    this.server = server;
  }

  static async open(
    options: Partial<AdmissionServerOptions> = {},
    secret: { webhookAt?: AppOptions['webhookAt']; pathPrefix?: string } = {},
  ): Promise<Shop> {
    // The server comes after the application that tells it whom to trust.
    const made: { server?: AdmissionServer } = {};
    const budget = new BodyBudget();
    const world = new World({ budget, onCaller: (socket) => made.server?.trust(socket), ...secret });
    for (const manifest of [buyer(), goods('goods1', { stockCount: 100_000 })]) await world.create(manifest);
    const pair = await issuedBy(await authority());
    made.server = await liveServer(world.app, fixedCerts(pair), options);
    return new Shop(world, made.server, budget, secret.pathPrefix ?? '');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#agent.destroy();
    await this.server.stop();
    await this.world[Symbol.asyncDispose]();
  }

  get port(): number {
    return this.server.port;
  }

  get = (path: string) => this.#send('GET', path, '', {});

  /** Sends a body to a path; the code and the text of the answer. */
  post = (path: string, body: string | Buffer, headers: Record<string, string> = {}) =>
    this.#send('POST', path, body, headers);

  #send(method: string, path: string, body: string | Buffer, headers: Record<string, string>) {
    return new Promise<{ code: number; text: string; headers: Record<string, unknown> }>(
      (resolve, reject) => {
        const asked = request(
          {
            host: '127.0.0.1',
            port: this.port,
            path,
            method,
            agent: this.#agent,
            headers: { 'content-type': 'application/json', ...headers },
            timeout: 30_000,
          },
          async (answer) => {
            const chunks: Buffer[] = [];
            try {
              for await (const chunk of answer) chunks.push(chunk as Buffer);
            } catch (error) {
              return reject(error);
            }
            const text = Buffer.concat(chunks).toString();
            resolve({ code: answer.statusCode ?? 0, text, headers: answer.headers });
          },
        );
        asked.on('timeout', () => asked.destroy(new Error('no answer within 30 s')));
        asked.on('error', reject);
        asked.end(body);
      },
    );
  }

  /** The answer to one review of an order, as the API server would send it. */
  async judge(object: object, more: Partial<Parameters<typeof review>[0]> = {}): Promise<AdmissionResponse> {
    const asked = review({ kind: SpikeOrder, operation: 'CREATE', object, ...more });
    const { code, text } = await this.post(orderPaths.validate, JSON.stringify(asked));
    if (code !== 200) throw new Error(`${code} ${text.slice(0, 200)}`);
    return JSON.parse(text).response;
  }

  /** As the API server would store it. */
  exampleOrder(): object {
    const { spec, metadata, ...rest } = order('example', { goodsMap: { goods1: 1 } });
    const allocated = { orderId: uidOf(1), createTime: at(0), expiredTime: at(minute), isPay: false };
    return {
      ...rest,
      metadata: { ...metadata, namespace: 'default', uid: uidOf(999_999), creationTimestamp: at(0) },
      spec: { ...spec, ...allocated },
    };
  }

  /** One order as a client's, through both webhooks; why it was not let in, or undefined. */
  async order(): Promise<string | undefined> {
    const number = ++made;
    const sent = { ...order(`legitimate-${number}`, { goodsMap: { goods1: 1 } }) };
    const metadata = { ...sent.metadata, namespace: 'default' };
    const asked = { kind: SpikeOrder, operation: 'CREATE' } as const;
    const first = await this.post(
      this.#prefix + orderPaths.mutate,
      JSON.stringify(review({ ...asked, object: { ...sent, metadata } })),
    );
    if (first.code !== 200) return `mutate: ${first.code} ${first.text.slice(0, 100)}`;
    const { response } = JSON.parse(first.text) as { response: AdmissionResponse };
    const patch = JSON.parse(Buffer.from(response.patch ?? 'W10=', 'base64').toString()) as {
      path: string;
      value: unknown;
    }[];
    const spec = Object.fromEntries(patch.map(({ path, value }) => [path.replace('/spec/', ''), value]));
    const object = {
      ...sent,
      metadata: { ...metadata, uid: uidOf(number) },
      spec: { ...sent.spec, ...spec },
    };
    const second = await this.post(
      this.#prefix + orderPaths.validate,
      JSON.stringify(review({ ...asked, object })),
    );
    if (second.code !== 200) return `validate: ${second.code} ${second.text.slice(0, 100)}`;
    const answer = (JSON.parse(second.text) as { response: AdmissionResponse }).response;
    return answer.allowed ? undefined : `validate: ${answer.status?.code} ${answer.status?.message}`;
  }

  /**
   * A legitimate client orders, one order after another, until `attack` has ended, and at least `least` times. Without
   * an attack that is its measure of a quiet shop.
   */
  async sell(least: number, attack?: Promise<unknown>): Promise<Figures> {
    const times: number[] = [];
    const failed: string[] = [];
    let isOver = attack === undefined;
    const over = attack?.finally(() => {
      isOver = true;
    });
    over?.catch(() => undefined);
    while (times.length < least || !isOver) {
      const began = performance.now();
      const why = await this.order().catch((error: Error) => error.message);
      times.push(performance.now() - began);
      if (why) failed.push(why);
      // The leader settles what is stored; without it the list of holds would grow for as long as a test runs.
      if (times.length % 50 === 0) this.#settle();
    }
    await over;
    times.sort((a, b) => a - b);
    const at = (part: number) => times[Math.min(times.length - 1, Math.floor(times.length * part))] ?? 0;
    return {
      orders: times.length,
      failed,
      p50: at(0.5),
      p95: at(0.95),
      longest: times.at(-1) ?? 0,
    };
  }

  #settle(): void {
    const stored = this.world.get('SpikeGoods', 'goods1');
    if (!stored) return;
    this.world.bypass(stored, {
      metadata: { ...stored.metadata, resourceVersion: this.world.store.nextRevision() },
      status: { ...stored.status, holds: formatHolds([]), lastStockCount: stored.spec.stockCount },
    });
  }
}
