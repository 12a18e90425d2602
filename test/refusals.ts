// Everything that Spikegate refuses: who tries what, and the exact words of the answer. One table for the
// contract tests (supertest) and for the end-to-end tests (kubectl), so that messages are in one place.
import { kinds } from '../src/api/kinds.ts';
import { dataServices } from './refusals/data-service.ts';
import { elasticWebs } from './refusals/elastic-web.ts';
import { goodsChanges, goodsCreation } from './refusals/goods.ts';
import { orderChanges, orderCreation } from './refusals/orders.ts';
import { people } from './refusals/people.ts';
import type { RefusalCase, Step } from './refusals/scenario.ts';
import { seckills } from './refusals/seckill.ts';

export type { Manifest, RefusalCase, Step } from './refusals/scenario.ts';
export { filledIn } from './refusals/scenario.ts';

export const refusals: readonly RefusalCase[] = [
  ...orderCreation,
  ...orderChanges,
  ...goodsCreation,
  ...goodsChanges,
  ...people,
  ...elasticWebs,
  ...seckills,
  ...dataServices,
];

/** Placeholders of a message and what may stand in their place. */
const placeholders: Record<string, string> = {
  '<now>': '\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z',
  '<created>': '\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z',
  '<deadline>': '\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z',
  '<windowEnd>': '\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z',
  '<id>': '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}',
};

/** Matches a text that is exactly `message`, whatever stands in place of its placeholders. */
export function exactly(message: string): RegExp {
  const escaped = message.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&');
  return new RegExp(`^${escaped.replaceAll(/<\w+>/g, (name) => placeholders[name] ?? name)}$`);
}

/**
 * What kubectl prints, as versions 1.31 to 1.37 do: the reason, the webhook's name and the message. Only
 * the reason Invalid is printed otherwise, from the causes. `file` is what it was given with -f.
 */
export function kubectlShows({ reason, field, message, action }: RefusalCase, file = 'STDIN'): string {
  const { kind, name, creating } = targetOf(action);
  if (reason === 'Invalid' && field) {
    return `The ${kind} "${name}" is invalid: ${field}: ${withoutField(message, field)}`;
  }
  const singular = kinds.find((it) => it.kind === kind)?.singular;
  const where = creating ? `error when creating "${file}": ` : '';
  return `Error from server (${reason}): ${where}admission webhook "validate.${singular}.spikegate.io" denied the request: ${message}`;
}

/** The message of a cause: the field stands before it. */
export function withoutField(message: string, field: string): string {
  return message.startsWith(field) ? message.slice(field.length).replace(/^:? /, '') : message;
}

function targetOf(action: Step): { kind: string; name: string; creating: boolean } {
  if ('create' in action) {
    const { kind, metadata } = action.create;
    return { kind, name: metadata.name ?? '', creating: true };
  }
  if ('patch' in action) return { ...action.patch, creating: false };
  if ('delete' in action) return { ...action.delete, creating: false };
  throw new Error('an action creates, patches or deletes');
}
