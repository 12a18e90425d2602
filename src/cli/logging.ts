// The logger of the process: JSON lines for machines, readable lines on a terminal. Other folders use only the
// interface in runtime/log.ts.
import pino, { type Logger } from 'pino';
import pretty from 'pino-pretty';

export function createLogger(options: { level: string; format: 'auto' | 'json' | 'pretty' }): Logger {
  const { level, format } = options;
  const isPretty = format === 'pretty' || (format === 'auto' && process.stdout.isTTY);
  const settings = { level, base: { pid: process.pid } };
  if (isPretty)
    return pino(
      settings,
      pretty({ colorize: process.stdout.isTTY, ignore: 'pid,hostname', singleLine: true }),
    );
  // Buffer the lines: otherwise the line of each admission costs a system call. Flush every second and at exit.
  const destination = pino.destination({ fd: 1, sync: false, minLength: 8192 });
  const timer = setInterval(() => destination.flush(), 1000);
  timer.unref();
  process.once('exit', () => destination.flushSync());
  return pino(settings, destination);
}
