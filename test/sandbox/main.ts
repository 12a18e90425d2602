// The sandbox in its own process: node test/sandbox/main.ts --dir DIR [--port N].

import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { startSandbox } from '../../src/sandbox/index.ts';

// A small space for new objects and more frequent garbage collection keep 20,000 objects below 200 MB; V8's own
// choice needs 260. The first setting exists only on node's command line, so this process replaces itself where the
// system supports that (the pid stays).
const young = '--max-semi-space-size=4';
if (!process.execArgv.includes(young))
  process.execve?.(
    process.execPath,
    [process.execPath, young, ...process.execArgv, ...process.argv.slice(1)],
    process.env,
  );
setFlagsFromString('--heap-growing-percent=30');

const { values } = parseArgs({
  options: {
    dir: { type: 'string', default: '.spikegate' },
    port: { type: 'string', default: '0' },
    host: { type: 'string', default: '127.0.0.1' },
    'ready-after': { type: 'string', default: '1000' },
    'no-workloads': { type: 'boolean', default: false },
    'no-controllers': { type: 'boolean', default: false },
    synchronous: { type: 'string', default: 'NORMAL' },
  },
});

const line = (level: string) => (fields: object, message: string) => {
  const { err, ...rest } = fields as { err?: Error };
  process.stderr.write(
    `${JSON.stringify({ level, message, ...rest, ...(err ? { error: err.stack ?? String(err) } : {}) })}\n`,
  );
};

const sandbox = await startSandbox({
  dir: values.dir,
  port: Number(values.port),
  host: values.host,
  workloads: values['no-workloads'] ? false : { readyAfterMs: Number(values['ready-after']) },
  controllers: !values['no-controllers'],
  synchronous: values.synchronous === 'FULL' ? 'FULL' : 'NORMAL',
  log: { info: line('info'), warn: line('warn'), error: line('error') },
});
process.stdout.write(
  `${JSON.stringify({ server: sandbox.server, kubeconfig: sandbox.kubeconfig, recovered: sandbox.recovered })}\n`,
);

const stop = () => void sandbox.stop().then(() => process.exit(0));
process.once('SIGINT', stop);
process.once('SIGTERM', stop);
