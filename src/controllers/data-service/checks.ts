// Checks whether a component outside the cluster is usable. A check is one connection or one request from this
// process, with a time limit. It runs no command and sends no password.
import type { ThirdParty } from '../../api/data-service.ts';
import { addressOf, destinationAt } from '../../api/data-service-parts.ts';
import { connectionFailure, NotAllowedError, type Outside } from '../../workloads/outside.ts';

export interface CheckResult {
  isUsable: boolean;
  message: string;
}

export interface CheckTimes {
  timeoutMs: number;
  /** Ms until the next check. */
  nextMs: number;
}

export function timesOf({ check = {} }: ThirdParty, isUsable: boolean): CheckTimes {
  const period = (check.periodSeconds ?? 10) * 1000;
  return { timeoutMs: (check.timeoutSeconds ?? 3) * 1000, nextMs: isUsable ? period * 10 : period };
}

/** A failure is a result that is not usable: the promise never rejects. */
export async function checkThirdParty(
  thirdParty: ThirdParty,
  defaultPort: number,
  outside: Outside,
  signal?: AbortSignal,
): Promise<CheckResult> {
  const address = addressOf(thirdParty.url, defaultPort);
  if (!address) return { isUsable: false, message: `${JSON.stringify(thirdParty.url)} is no address` };
  const { timeoutMs } = timesOf(thirdParty, false);
  const deadline = AbortSignal.any([AbortSignal.timeout(timeoutMs), ...(signal ? [signal] : [])]);
  const where = `${address.host}:${address.port}`;
  const type = thirdParty.check?.type ?? (address.http ? 'HTTP' : 'TCP');
  try {
    if (type === 'TCP') {
      await outside.connect(destinationAt(address), deadline);
      return { isUsable: true, message: `${where} accepts connections` };
    }
    const httpAddress = { ...address, http: address.http ?? { secure: false, path: '/' } };
    const { url } = destinationAt(httpAddress, thirdParty.check?.path);
    // Do not verify the certificate: the clients of the component do that.
    const { status } = await outside.get(url!, { signal: deadline, maxBytes: 0, verify: false });
    return { isUsable: status < 400, message: `${where} answers ${status}` };
  } catch (error) {
    if (error instanceof NotAllowedError) return { isUsable: false, message: `${where} ${error.message}` };
    if (deadline.aborted)
      return { isUsable: false, message: `${where} did not answer within ${timeoutMs} ms` };
    return { isUsable: false, message: `${where}: ${connectionFailure(error)}` };
  }
}
