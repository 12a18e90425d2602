// The webhooks of the mutating and the validating configuration as one list. Pure.
import { tokenLength } from '../../certs/path-tokens.ts';
import { type Observation, valueIn, type WebhookEntry } from './observation.ts';

type Configurations = Pick<Observation, 'mutating' | 'validating'>;

export function entriesOf({ mutating, validating }: Configurations): WebhookEntry[] {
  return [mutating, validating].flatMap((seen) => valueIn(seen)?.webhooks ?? []);
}

/** The entry that stands for all: they point to one server. The check configurationsAreCurrent reports exceptions. */
export const firstEntry = (seen: Configurations): WebhookEntry | undefined => entriesOf(seen)[0];

/** `serve` puts a secret before the path of each webhook, so that only the API server knows where to call. */
const secretInPath = new RegExp(`^/[0-9a-f]{${tokenLength}}(?=/)`);

/** The path that the API server calls, without the secret in it; undefined when there is no secret in it. */
export function pathBehindSecret(entry: WebhookEntry): string | undefined {
  const path = pathOf(entry);
  const plain = path.replace(secretInPath, '');
  return plain === path ? undefined : plain;
}

/** Removes the secret from the URL: people pass reports on. */
export function withoutSecret(entry: WebhookEntry): WebhookEntry {
  const { url } = entry.clientConfig;
  if (!url || !URL.canParse(url)) return entry;
  const plain = new URL(url).origin + pathOf(entry).replace(secretInPath, '');
  return { ...entry, clientConfig: { ...entry.clientConfig, url: plain } };
}

function pathOf({ clientConfig: { service, url } }: WebhookEntry): string {
  if (service) return service.path ?? '';
  return url && URL.canParse(url) ? new URL(url).pathname : '';
}
