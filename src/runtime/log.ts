// The logger as the rooms see it: pino's shape, without pino. Knows nothing of where lines go.

export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  /** Whether lines of that level go anywhere; what is logged for debugging only is not even gathered else. */
  isLevelEnabled?(level: string): boolean;
}

export const debugs = (log: Log): boolean => log.isLevelEnabled?.('debug') ?? false;

/** A log that adds these fields to every line; they are asked for only when there is one. */
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

/** A word that stays the same for the same fault, to group log lines by: the error's reason or its class. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  return 'reason' in error && typeof error.reason === 'string' ? error.reason : error.name;
}
