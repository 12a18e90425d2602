// The settings of the log.
import { checked, choice } from './row.ts';

export const logRows = checked({
  logLevel: choice({
    flag: '--log-level <level>',
    env: 'SPIKEGATE_LOG_LEVEL',
    choices: ['trace', 'debug', 'info', 'warn', 'error'],
    default: 'info',
    group: 'Log',
    help: 'lowest level that is logged',
  }),
  logFormat: choice({
    flag: '--log-format <format>',
    env: 'SPIKEGATE_LOG_FORMAT',
    choices: ['auto', 'json', 'pretty'],
    default: 'auto',
    group: 'Log',
    help: 'auto: pretty on a terminal, JSON elsewhere',
  }),
});
