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
  port: string;
  fresh?: boolean;
  paymentWindow: number;
}

/** Resolves once the sale can begin; then runs until SIGINT or SIGTERM. */
export async function runLocally(options: LocalOptions): Promise<void> {
  const dir = resolve(options.dir);
  if (options.fresh) await rm(dir, { recursive: true, force: true });
  const wanted = Number(options.port);
  const isFree = await portIsFree(wanted);
  const port = isFree ? wanted : await freePort();
  if (!isFree) console.log(`port ${wanted} is taken, using ${port} instead`);
  const narrator = new Narrator({ clock: systemClock, print: console.log });
  const sandbox = await startSandbox({ dir, port });
  const { objects } = sandbox.recovered;
  if (objects > 0)
    console.log(`found ${objects} objects of an earlier run in ${options.dir} (--fresh begins anew)`);
  const sale = await startSale({
    kubeconfig: sandbox.kubeconfig,
    log: narrator,
    settings: { paymentWindow: options.paymentWindow },
    onLost(why) {
      console.error(`spikegate: ${why}`);
      process.exit(1);
    },
  });
  narrator.follow(sale.caches);
  console.log(welcome(sandbox.server, relative(process.cwd(), sandbox.kubeconfig)));
  stopOnSignal(async () => {
    await sale.stop();
    await sandbox.stop();
  });
}

function welcome(server: string, kubeconfig: string): string {
  const samples = relative(process.cwd(), join(import.meta.dirname, '..', 'manifests', 'samples'));
  return `
Spikegate is ready: a Kubernetes API on ${server}, kubeconfig in ${kubeconfig}
Paste these into another terminal:

  export KUBECONFIG=${kubeconfig}
  kubectl create -f ${samples}/sale.yaml -f ${samples}/orders.yaml
  kubectl get spikegoods -w

Ctrl-C stops it; what happened is kept. Without kubectl: npm run demo
`;
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
