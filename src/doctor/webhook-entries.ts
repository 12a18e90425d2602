// The webhooks of both configurations as one list. Pure.
import { type Observation, valueIn, type WebhookEntry } from './observation.ts';

type Configurations = Pick<Observation, 'mutating' | 'validating'>;

export function entriesOf({ mutating, validating }: Configurations): WebhookEntry[] {
  return [mutating, validating].flatMap((seen) => valueIn(seen)?.webhooks ?? []);
}

/** All entries point to one server. When one does not, the comparison with the generated configuration says so. */
export const firstEntry = (seen: Configurations): WebhookEntry | undefined => entriesOf(seen)[0];
