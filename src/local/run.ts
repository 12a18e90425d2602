// `npm start`: the sandbox and a sale in one process, with output for a person.
import { rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { systemClock } from '../runtime/clock.ts';
import { type Sandbox, startSandbox } from '../sandbox/index.ts';
import { Narrator } from './narrator.ts';
import { freePort, startSale } from './start.ts';

export interface LocalOptions {
  dir: string;
  port: number;
  /** Port of the board. When it is taken, a free one is used. */
  boardPort: number;
  fresh?: boolean;
  kubeconfig?: string;
  paymentWindow: number;
}

interface Cluster {
  kubeconfig: string;
  webhookClient?: Sandbox['webhookClient'];
  /** Describes the cluster in the welcome text. */
  what: string;
  stop(): Promise<void>;
}

/** Resolves when the sale can begin. The process then runs until SIGINT or SIGTERM. */
export async function runLocally(options: LocalOptions): Promise<void> {
  const narrator = new Narrator({ clock: systemClock, print: console.log });
  const cluster = options.kubeconfig ? existing(options.kubeconfig) : await embedded(options);
  const starting = startSale({
    kubeconfig: cluster.kubeconfig,
    webhookClient: cluster.webhookClient,
    log: narrator,
    settings: {
      paymentWindow: options.paymentWindow,
      metricsPort: await freeOr(options.boardPort),
    },
    firstSteps: firstSteps(cluster.kubeconfig),
    onLost(why) {
      console.error(`spikegate: ${why}`);
      process.exit(1);
    },
  });
  // From now on webhook configurations may point to this process. Ctrl-C must delete them.
  stopOnSignal(async () => {
    await (await starting).stop();
    await cluster.stop();
  });
  const sale = await starting;
  narrator.follow(sale.news);
  console.log(welcome(cluster, sale.metricsPort));
}

function existing(kubeconfig: string): Cluster {
  return { kubeconfig: resolve(kubeconfig), what: 'on your cluster', stop: async () => {} };
}

async function embedded(options: LocalOptions): Promise<Cluster> {
  const dir = resolve(options.dir);
  if (options.fresh) await rm(dir, { recursive: true, force: true });
  const port = await freeOr(options.port);
  const sandbox = await startSandbox({ dir, port });
  const { objects } = sandbox.recovered;
  if (objects > 0)
    console.log(`found ${objects} objects of an earlier run in ${options.dir} (--fresh begins anew)`);
  return {
    kubeconfig: sandbox.kubeconfig,
    webhookClient: sandbox.webhookClient,
    what: `with a Kubernetes API of its own on ${sandbox.server}`,
    stop: () => sandbox.stop(),
  };
}

function firstSteps(kubeconfig: string): string[] {
  // The paths are absolute, because the other terminal may be in another folder. `apply` and not `create`, because
  // the objects of an earlier run may still exist.
  const samples = join(import.meta.dirname, '..', '..', 'manifests', 'samples');
  return [
    `export KUBECONFIG=${quoted(kubeconfig)}`,
    `kubectl apply -f ${quoted(join(samples, 'sale.yaml'))}`,
  ];
}

function welcome({ what, kubeconfig }: Cluster, boardPort: number): string {
  return `
Spikegate is ready, ${what}. Paste these into another terminal:

${firstSteps(kubeconfig)
  .map((step) => `  ${step}`)
  .join('\n')}
  kubectl get spikegoods -w

and watch the sale at http://127.0.0.1:${boardPort}/board

Ctrl-C stops it; what happened is kept. No kubectl? npm run demo
`;
}

/** Quotes a path for a shell where that is needed. */
const quoted = (path: string): string =>
  /^[-./\w@+]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;

/** The first signal stops the process in good order. The second one ends it at once. */
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

async function freeOr(wanted: number): Promise<number> {
  if (wanted === 0 || (await portIsFree(wanted))) return wanted;
  const port = await freePort();
  console.log(`port ${wanted} is taken, using ${port} instead`);
  return port;
}

function portIsFree(port: number): Promise<boolean> {
  return new Promise((done) => {
    const probe = createServer();
    probe.once('error', () => done(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => done(true)));
  });
}
