// A sale on a sandbox with the board open, for tests and pictures: several goods, a crowd that is refused for
// several reasons, payments that come and that do not.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Buyer } from '../../src/api/buyer.ts';
import { Seller } from '../../src/api/seller.ts';
import { SpikeGoods } from '../../src/api/spike-goods.ts';
import { SpikeOrder } from '../../src/api/spike-order.ts';
import { crowd } from '../../src/demo/crowd.ts';
import type { Client } from '../../src/kube/client.ts';
import { loadConfig } from '../../src/kube/config.ts';
import { createClient } from '../../src/kube/json-client.ts';
import type { KubeObject, Resource } from '../../src/kube/objects.ts';
import { freePort, startSale } from '../../src/local/start.ts';
import type { Running } from '../../src/process/serve.ts';
import { silentLog } from '../../src/runtime/log.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/index.ts';
import type { ServeSettings } from '../../src/settings/serve.ts';

const namespace = 'autumn';
const buyers = 12;
const clients = 12;

/** A control plane and a replica on it; each may be stopped and started again at the same address. */
export class BoardSale {
  readonly #dir: string;
  readonly #port: number;
  readonly #metricsPort: number;
  readonly #settings: Partial<ServeSettings>;
  #sandbox: Sandbox | undefined;
  #running: Running | undefined;
  #client: Client | undefined;

  private constructor(dir: string, port: number, metricsPort: number, settings: Partial<ServeSettings>) {
    this.#dir = dir;
    this.#port = port;
    this.#metricsPort = metricsPort;
    this.#settings = settings;
  }

  static async open(settings: Partial<ServeSettings> = {}): Promise<BoardSale> {
    const dir = await mkdtemp(join(tmpdir(), 'spikegate-board-'));
    const sale = new BoardSale(dir, await freePort(), await freePort(), settings);
    await sale.startSandbox();
    await sale.serve();
    return sale;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#metricsPort}/board`;
  }

  get client(): Client {
    this.#client ??= createClient(loadConfig({ file: join(this.#dir, 'kubeconfig') }), { maxSockets: 32 });
    return this.#client;
  }

  async goods(): Promise<SpikeGoods[]> {
    return (await this.client.list(SpikeGoods, { namespace })).items;
  }

  async orders(): Promise<SpikeOrder[]> {
    return (await this.client.list(SpikeOrder, { namespace })).items;
  }

  async startSandbox(): Promise<void> {
    this.#sandbox = await startSandbox({ dir: this.#dir, port: this.#port, workloads: false });
  }

  async stopSandbox(): Promise<void> {
    this.#client?.close();
    this.#client = undefined;
    await this.#sandbox?.stop();
    this.#sandbox = undefined;
  }

  async serve(): Promise<void> {
    this.#running = await startSale({
      kubeconfig: join(this.#dir, 'kubeconfig'),
      log: silentLog,
      settings: { metricsPort: this.#metricsPort, ...this.#settings },
      firstSteps: [
        'export KUBECONFIG=.spikegate/kubeconfig',
        'kubectl create -f manifests/samples/sale.yaml',
      ],
      onLost: () => {},
    });
  }

  async stopServing(): Promise<void> {
    await this.#running?.stop();
    this.#running = undefined;
  }

  async close(): Promise<void> {
    await this.stopServing();
    await this.stopSandbox();
    await rm(this.#dir, { recursive: true, force: true });
  }
}

interface Offer {
  name: string;
  title: string;
  stock: number;
  price: number;
  spikePrice: number;
  startTime?: string;
}

const hour = 3_600_000;

export function offers(now: number): Offer[] {
  return [
    { name: 'aurora-13', title: 'Aurora 13 phone, 256 GB', stock: 900, price: 79_900, spikePrice: 59_900 },
    { name: 'barista', title: 'Barista espresso machine', stock: 320, price: 64_900, spikePrice: 44_900 },
    { name: 'hush-2', title: 'Hush 2 headphones', stock: 600, price: 29_900, spikePrice: 17_900 },
    { name: 'trail-40', title: 'Trail 40 running shoes', stock: 60, price: 15_900, spikePrice: 7900 },
    {
      name: 'volt',
      title: 'Volt e-bike',
      stock: 40,
      price: 249_900,
      spikePrice: 189_900,
      startTime: new Date(now + 2 * hour).toISOString(),
    },
  ];
}

export async function stockUp(client: Client, goods: Offer[]): Promise<void> {
  const create = <T extends KubeObject>(
    kind: Resource<T> & { apiVersion: string },
    name: string,
    spec: object,
  ) =>
    client.create(kind, {
      apiVersion: kind.apiVersion,
      kind: kind.kind,
      metadata: { name, namespace },
      spec,
    } as unknown as T);
  await client.create(
    { group: '', version: 'v1', kind: 'Namespace', plural: 'namespaces', namespaced: false },
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
  );
  await create(Seller, 'corner-shop', { sellerPhone: '13800000000' });
  for (let index = 0; index < buyers; index++) {
    const spec = { buyerName: `Buyer ${index}`, address: 'Beijing', phone: '13900000000' };
    await create(Buyer, `buyer-${index}`, spec);
  }
  for (const { name, title, stock, price, spikePrice, startTime } of goods) {
    await create(SpikeGoods, name, {
      goodsName: title,
      sellerId: 'corner-shop',
      price,
      spikePrice,
      day: 1,
      stockCount: stock,
      currency: 'CNY',
      ...(startTime ? { startTime } : {}),
    });
  }
}

/** `pauseMs`: how long each of the twelve clients waits between two orders. */
export async function rush(client: Client, orders: number, pauseMs: number): Promise<void> {
  await crowd({
    client,
    namespace,
    clients,
    orders,
    pauseMs,
    buyer: (index) => (index % 40 === 39 ? 'nobody' : `buyer-${index % buyers}`),
    goods: (index) => ({ [wanted(index)]: 1 + (index % 3 === 0 ? 1 : 0) }),
    async afterwards(name, index) {
      if (index % 13 > 6) return;
      await client.patch(SpikeOrder, { namespace, name }, { spec: { isPay: true } }, { type: 'merge' });
    },
  });
  // A buyer with orders cannot go.
  await client.delete(Buyer, { namespace, name: 'buyer-0' }).catch(() => {});
}

/** Half of them the phone, and more shoes than there are. */
function wanted(index: number): string {
  const among = [
    'aurora-13',
    'hush-2',
    'aurora-13',
    'barista',
    'trail-40',
    'aurora-13',
    'trail-40',
    'hush-2',
    'aurora-13',
    'volt',
  ];
  return among[(index * 7) % among.length] ?? 'aurora-13';
}
