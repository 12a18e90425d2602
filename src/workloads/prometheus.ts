// Asks a Prometheus server for one number. Knows its HTTP API (/api/v1/query), but no caller. Without a number it
// throws an error with a reason. It never returns 0 instead.
import type { Clock } from '../runtime/clock.ts';
import { connectionFailure, NotAllowedError, type Outside, TooLongError } from './outside.ts';

export type MetricsReason = 'Unreachable' | 'TimedOut' | 'NotAllowed' | 'Refused' | 'BadAnswer' | 'NoData';

export class MetricsError extends Error {
  override readonly name = 'MetricsError';
  readonly reason: MetricsReason;

  constructor(reason: MetricsReason, message: string) {
    super(message);
    this.reason = reason;
  }
}

/** An answer is a few numbers. A server that sends more is no Prometheus. */
const maxBytes = 1 << 20;

export interface Question {
  server: string;
  query: string;
  timeoutMs: number;
}

/** The sum of the query's results. Rejects with MetricsError only. */
export async function askPrometheus(
  { server, query, timeoutMs }: Question,
  outside: Outside,
  clock: Clock,
  signal?: AbortSignal,
): Promise<number> {
  const abort = new AbortController();
  let isLate = false;
  const cancel = clock.after(timeoutMs, () => {
    isLate = true;
    abort.abort();
  });
  const stop = () => abort.abort();
  signal?.addEventListener('abort', stop, { once: true });
  try {
    const url = new URL(server);
    // After a ? or a #, the API's path would become part of the query or of the fragment.
    if (/[?#]/.test(server)) throw new NotAllowedError('has a ? or a # in its URL');
    url.pathname = `${url.pathname.replace(/\/+$/, '')}/api/v1/query`;
    url.search = `query=${encodeURIComponent(query)}`;
    const { status, body } = await outside.get(url, { signal: abort.signal, maxBytes });
    return numberIn(status, body);
  } catch (error) {
    if (error instanceof MetricsError) throw error;
    if (isLate) throw new MetricsError('TimedOut', `no answer within ${timeoutMs} ms`);
    const { message } = error as Error;
    if (error instanceof NotAllowedError) throw new MetricsError('NotAllowed', `${server} ${message}`);
    if (error instanceof TooLongError) throw new MetricsError('BadAnswer', message);
    throw new MetricsError('Unreachable', connectionFailure(error));
  } finally {
    cancel();
    signal?.removeEventListener('abort', stop);
  }
}

/** The values of `errorType` in Prometheus' HTTP API (web/api/v1). */
const errorTypes = [
  'bad_data',
  'canceled',
  'execution',
  'internal',
  'not_acceptable',
  'not_found',
  'timeout',
  'unavailable',
];

/** Prometheus writes numbers as text. Any other value gives NaN: `Number('')` would be 0, and 0 removes pods. */
function numberOf(value: unknown): number {
  const isNumber = typeof value === 'string' && /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(value);
  return isNumber ? Number(value) : Number.NaN;
}

/**
 * Whether a warning does not matter: Prometheus before 3.0 puts remarks on the query among the warnings, for example that
 * a counter's name does not end in _total. Any other warning means that series may be missing (Thanos, remote read), and
 * these may be most of the load.
 */
const isRemark = (warning: unknown): boolean =>
  typeof warning === 'string' && warning.startsWith('PromQL info:');

interface Answer {
  status?: string;
  errorType?: string;
  error?: string;
  warnings?: unknown;
  data?: { resultType?: string; result?: unknown };
}

function numberIn(code: number, text: string): number {
  let answer: Answer | null;
  try {
    answer = JSON.parse(text);
  } catch {
    throw new MetricsError('BadAnswer', `HTTP ${code}, and not JSON`);
  }
  if (answer?.status === 'error' && answer.errorType) {
    // Do not quote the answer: any server may be behind the URL, and the message goes into a status.
    const known = errorTypes.find((type) => type === answer?.errorType);
    throw new MetricsError('Refused', `the query is refused: ${known ?? 'unknown error'}`);
  }
  if (code !== 200 || answer?.status !== 'success') throw new MetricsError('BadAnswer', `HTTP ${code}`);
  if (Array.isArray(answer.warnings) && !answer.warnings.every(isRemark)) {
    throw new MetricsError('BadAnswer', 'the answer has warnings: it may be of a part of the series');
  }
  const { resultType, result } = answer.data ?? {};
  const samples =
    resultType === 'scalar' ? [{ value: result }] : resultType === 'vector' ? result : undefined;
  if (!Array.isArray(samples)) throw new MetricsError('BadAnswer', 'the result is not a number');
  if (samples.length === 0) throw new MetricsError('NoData', 'the query gives no series');
  const sum = samples.reduce((total: number, sample) => total + numberOf(sample?.value?.[1]), 0);
  if (!Number.isFinite(sum) || sum < 0) throw new MetricsError('NoData', 'the query gives no number');
  return sum;
}
