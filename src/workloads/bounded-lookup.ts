// Limits how many host names are resolved at once. While a name server is silent, getaddrinfo blocks one of the four
// threads of Node's pool, and Node needs these to read files and make keys. The host names come from objects, so a tenant
// can choose one whose name server never answers.
import type { LookupAddress, LookupAllOptions } from 'node:dns';
import type { Clock } from '../runtime/clock.ts';

type Answer = (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void;
export type Resolve = (hostname: string, options: LookupAllOptions, answer: Answer) => void;

export interface LookupLimits {
  /** Maximum number of look-ups at once. */
  running: number;
  /** Look-ups that wait for their turn. One more is refused. */
  waiting: number;
  /** Longest time from the request to the answer. The thread of a look-up that takes longer stays taken until it ends. */
  timeoutMs: number;
  /** Maximum number of addresses of one name. More of them are an error. */
  addresses: number;
}

/** Two of the four threads stay free. */
const lookupLimits: LookupLimits = { running: 2, waiting: 64, timeoutMs: 5000, addresses: 64 };

export function boundedLookup(resolve: Resolve, clock: Clock, limits: LookupLimits = lookupLimits): Resolve {
  let running = 0;
  const waiting: (() => void)[] = [];
  const next = () => {
    while (running < limits.running && waiting.length > 0) waiting.shift()!();
  };
  return (hostname, options, answer) => {
    let isAnswered = false;
    const answerOnce: Answer = (error, addresses) => {
      if (isAnswered) return;
      isAnswered = true;
      cancel();
      answer(error, addresses);
    };
    const begin = () => {
      // It timed out while it waited for its turn.
      if (isAnswered) return;
      running++;
      resolve(hostname, options, (error, addresses) => {
        running--;
        next();
        if (!error && addresses.length > limits.addresses) answerOnce(failure('EDNSTOOMANY', hostname), []);
        else answerOnce(error, addresses);
      });
    };
    const cancel = clock.after(limits.timeoutMs, () => answerOnce(failure('EDNSTIMEOUT', hostname), []));
    if (running < limits.running) begin();
    else if (waiting.length < limits.waiting) waiting.push(begin);
    else answerOnce(failure('EDNSBUSY', hostname), []);
  };
}

function failure(code: string, hostname: string): NodeJS.ErrnoException {
  const error: NodeJS.ErrnoException = new Error(`look-up of ${hostname}: ${code}`);
  error.code = code;
  return error;
}
