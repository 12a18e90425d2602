// Bounds how many names are resolved at once. getaddrinfo blocks one of the four threads that Node also reads files and
// makes keys with, for as long as a name server is silent. Names come from objects, so a tenant chooses how slow they are.
import type { LookupAddress, LookupAllOptions } from 'node:dns';
import type { Clock } from '../runtime/clock.ts';

type Answer = (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void;
export type Resolve = (hostname: string, options: LookupAllOptions, answer: Answer) => void;

export interface LookupLimits {
  /** Look-ups at once. */
  running: number;
  /** Look-ups that wait for their turn. One more is refused. */
  waiting: number;
  /** Longest time from the request to the answer. The thread of a look-up that takes longer stays taken until it ends. */
  timeoutMs: number;
  /** Addresses of one name. */
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
    const give: Answer = (error, addresses) => {
      if (isAnswered) return;
      isAnswered = true;
      cancel();
      answer(error, addresses);
    };
    const begin = () => {
      // Its caller has given up meanwhile.
      if (isAnswered) return;
      running++;
      resolve(hostname, options, (error, addresses) => {
        running--;
        next();
        if (!error && addresses.length > limits.addresses) give(failure('EDNSTOOMANY', hostname), []);
        else give(error, addresses);
      });
    };
    const cancel = clock.after(limits.timeoutMs, () => give(failure('EDNSTIMEOUT', hostname), []));
    if (running < limits.running) begin();
    else if (waiting.length < limits.waiting) waiting.push(begin);
    else give(failure('EDNSBUSY', hostname), []);
  };
}

function failure(code: string, hostname: string): NodeJS.ErrnoException {
  const error: NodeJS.ErrnoException = new Error(`look-up of ${hostname}: ${code}`);
  error.code = code;
  return error;
}
