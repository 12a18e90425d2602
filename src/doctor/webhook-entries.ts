// The webhooks of both configurations as one list. Pure.
import { tokenLength } from '../../certs/path-tokens.ts';
import { type Observation, valueIn, type WebhookEntry } from './observation.ts';

type Configurations = Pick<Observation, 'mutating' | 'validating'>;

export function entriesOf({ mutating, validating }: Configurations): WebhookEntry[] {
  return [mutating, validating].flatMap((seen) => valueIn(seen)?.webhooks ?? []);
}

/** All entries point to one server. When one does not, the comparison with the generated configuration says so. */
export const firstEntry = (seen: Configurations): WebhookEntry | undefined => entriesOf(seen)[0];

/** What `serve` puts before the path of each webhook. */
const secretInPath = new RegExp(`^/[0-9a-f]{${tokenLength}}(?=/)`);

/** The path that the API server calls, without the secret in it; undefined when there is no secret in it. */
export function pathBehindSecret(entry: WebhookEntry): string | undefined {
  const path = pathOf(entry);
  const plain = path.replace(secretInPath, '');
  return plain === path ? undefined : plain;
}

/** A report may be shown to anybody, so it must not contain the secret. */
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
