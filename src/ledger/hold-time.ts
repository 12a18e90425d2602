// The time that a hold carries. The leader computes the age of the hold from it.
import { timestamp } from '../api/sale.ts';
import type { ServerClock } from '../kube/server-time.ts';

/**
 * The time of a hold that is taken now. It is never earlier than the present time of the API server, so no leader
 * overestimates the hold's age. Whole seconds: holds of the same second share a text (api/holds.ts), and the
 * hold limit is many seconds. Undefined while this process does not know the time.
 */
export function holdTime(clock: ServerClock): string | undefined {
  const bounds = clock.bounds();
  return bounds && timestamp(Math.ceil(bounds.latest / 1000) * 1000);
}
