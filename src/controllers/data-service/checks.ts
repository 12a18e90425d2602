// Whether something that runs elsewhere is usable: one connection or one request with a time limit, from this process.
// Never a command, and no password is sent anywhere.
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect } from 'node:net';
import type { ThirdParty } from '../../api/data-service.ts';
import { type Address, addressOf } from '../../api/data-service-parts.ts';

export interface CheckResult {
  isUsable: boolean;
  /** For a person. */
  message: string;
}

export interface CheckTimes {
  timeoutMs: number;
  /** Until the next check, after this result. */
  nextMs: number;
}

export function timesOf({ check = {} }: ThirdParty, isUsable: boolean): CheckTimes {
  const period = (check.periodSeconds ?? 10) * 1000;
  return { timeoutMs: (check.timeoutSeconds ?? 3) * 1000, nextMs: isUsable ? period * 10 : period };
}

/** Never rejects. */
export async function checkThirdParty(
  thirdParty: ThirdParty,
  defaultPort: number,
  signal?: AbortSignal,
): Promise<CheckResult> {
  const address = addressOf(thirdParty.url, defaultPort);
  if (!address) return { isUsable: false, message: `${JSON.stringify(thirdParty.url)} is no address` };
  const { timeoutMs } = timesOf(thirdParty, false);
  const limit = AbortSignal.any([AbortSignal.timeout(timeoutMs), ...(signal ? [signal] : [])]);
  const where = `${address.host}:${address.port}`;
  const type = thirdParty.check?.type ?? (address.http ? 'HTTP' : 'TCP');
  try {
    if (type === 'TCP') {
      await reach(address, limit);
      return { isUsable: true, message: `${where} accepts connections` };
    }
    const status = await ask(address, thirdParty.check?.path ?? address.http?.path ?? '/', limit);
    const isUsable = status < 400;
    return { isUsable, message: `${where} answers ${status}` };
  } catch (error) {
    if (limit.aborted) return { isUsable: false, message: `${where} did not answer within ${timeoutMs} ms` };
    return { isUsable: false, message: `${where}: ${(error as Error).message}` };
  }
}

function reach({ host, port }: Address, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port });
    const give = (error?: Error) => {
      signal.removeEventListener('abort', abort);
      socket.destroy();
      if (error) reject(error);
      else resolve();
    };
    const abort = () => give(new Error('time limit'));
    signal.addEventListener('abort', abort, { once: true });
    socket.once('connect', () => give());
    socket.once('error', give);
  });
}

/** The status of a GET. Redirects are not followed, and the body is not read. */
function ask({ host, port, http }: Address, path: string, signal: AbortSignal): Promise<number> {
  return new Promise((resolve, reject) => {
    // Whether it is usable is asked, not who it is: what certificate it has is its clients' business.
    const options = {
      host,
      port,
      path,
      method: 'GET',
      signal,
      agent: false as const,
      rejectUnauthorized: false,
    };
    const send = http?.secure ? httpsRequest : httpRequest;
    const request = send(options, (response) => {
      resolve(response.statusCode ?? 0);
      response.destroy();
    });
    request.once('error', reject);
    request.end();
  });
}
