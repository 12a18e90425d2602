// `npm start`: the sandbox with a sale in it, on a terminal that a person reads.
import { rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join, relative, resolve } from 'node:path';
import { Narrator } from './narrator.ts';
import { systemClock } from './runtime/clock.ts';
import { startSandbox } from './sandbox/index.ts';
import { freePort, startSale } from './start.ts';

export interface LocalOptions {
  dir: string;
  port: number;
  fresh?: boolean;
  kubeconfig?: string;
  paymentWindow: number;
}

interface Cluster {
  kubeconfig: string;
  what: string;
  stop(): Promise<void>;
}

/** Resolves once the sale can begin; then runs until SIGINT or SIGTERM. */
export async function runLocally(options: LocalOptions): Promise<void> {
  const narrator = new Narrator({ clock: systemClock, print: console.log });
  const cluster = options.kubeconfig ? given(options.kubeconfig) : await embedded(options);
  const sale = await startSale({
    kubeconfig: cluster.kubeconfig,
    log: narrator,
    settings: { paymentWindow: options.paymentWindow },
    onLost(why) {
      console.error(`spikegate: ${why}`);
      process.exit(1);
    },
  });
  narrator.follow(sale.caches);
  console.log(welcome(cluster));
  stopOnSignal(async () => {
    await sale.stop();
    await cluster.stop();
  });
}

function given(kubeconfig: string): Cluster {
  return { kubeconfig: resolve(kubeconfig), what: 'on your cluster', stop: async () => {} };
}

async function embedded(options: LocalOptions): Promise<Cluster> {
  const dir = resolve(options.dir);
  if (options.fresh) await rm(dir, { recursive: true, force: true });
  const isFree = options.port === 0 || (await portIsFree(options.port));
  const port = isFree ? options.port : await freePort();
  if (!isFree) console.log(`port ${options.port} is taken, using ${port} instead`);
  const sandbox = await startSandbox({ dir, port });
  const { objects } = sandbox.recovered;
  if (objects > 0)
    console.log(`found ${objects} objects of an earlier run in ${options.dir} (--fresh begins anew)`);
  return {
    kubeconfig: sandbox.kubeconfig,
    what: `with a Kubernetes API of its own on ${sandbox.server}`,
    stop: () => sandbox.stop(),
  };
}

function welcome({ what, kubeconfig }: Cluster): string {
  const samples = shown(join(import.meta.dirname, '..', 'manifests', 'samples'));
  return `
Spikegate is ready, ${what}. Paste these into another terminal:

  export KUBECONFIG=${kubeconfig}
  kubectl create -f ${samples}/sale.yaml -f ${samples}/orders.yaml
  kubectl get spikegoods -w

Ctrl-C stops it; what happened is kept. No kubectl? npm run demo
`;
}

/** As short as it can be typed from here. */
function shown(path: string): string {
  const short = relative(process.cwd(), path);
  return short.startsWith('..') ? path : short;
}

/** A first signal stops in good order, a second one at once. */
function stopOnSignal(stop: () => Promise<void>): void {
  let isStopping = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (isStopping) process.exit(1);
      isStopping = true;
      console.log('\nstopping');
      stop().then(
        () => process.exit(0),
        (error: Error) => {
          console.error(`spikegate: ${error.message}`);
          process.exit(1);
        },
      );
    });
  }
}

function portIsFree(port: number): Promise<boolean> {
  return new Promise((done) => {
    const probe = createServer();
    probe.once('error', () => done(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => done(true)));
  });
}
