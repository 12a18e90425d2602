// The interface of the logger: the part of pino's interface that the project uses. Does not import pino, and does not
// know where lines go.

export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  /** Whether lines of this level are written. Callers use it to skip work for debug lines. */
  isLevelEnabled?(level: string): boolean;
}

/** Whether debug lines are written. */
export const debugs = (log: Log): boolean => log.isLevelEnabled?.('debug') ?? false;

/** A log that adds these fields to every line. `fields` is called only when a line is written. */
export function withFields(log: Log, fields: () => object): Log {
  return {
    debug: (more, message) => {
      if (debugs(log)) log.debug({ ...fields(), ...more }, message);
    },
    info: (more, message) => log.info({ ...fields(), ...more }, message),
    warn: (more, message) => log.warn({ ...fields(), ...more }, message),
    error: (more, message) => log.error({ ...fields(), ...more }, message),
    isLevelEnabled: (level) => log.isLevelEnabled?.(level) ?? false,
  };
}

export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} };

/** A word that is the same for the same kind of error, to group log lines by: the error's reason, or its class. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  return 'reason' in error && typeof error.reason === 'string' ? error.reason : error.name;
}
