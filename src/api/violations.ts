// Describes a schema violation to people: the field as kubectl prints it, what must hold, and the actual value.
import type { ErrorObject } from 'ajv';
import { wordsOf } from './schema.ts';

/** A rule of a schema that an object breaks. `field` is a path: `spec.goodsMap.goods1`. */
export interface SchemaViolation {
  field: string;
  message: string;
}

const longestShown = 100;

/** `error` must come from an ajv with the option `verbose`: only then does it have the value. */
export function violationOf(error: ErrorObject): SchemaViolation {
  const path = error.instancePath
    .split('/')
    .slice(1)
    .map((step) => shorten(step.replaceAll('~1', '/').replaceAll('~0', '~')));
  if (error.keyword === 'required') path.push(String(error.params.missingProperty));
  const field = path.join('.') || '(the object)';
  if (error.keyword === 'required') return { field, message: `${field} is required` };
  return { field, message: `${field} ${mustHold(error)}, got ${actualValue(error)}` };
}

function mustHold({ keyword, params, message }: ErrorObject): string {
  const { limit } = params;
  switch (keyword) {
    case 'minimum':
      return `must be at least ${limit}`;
    case 'maximum':
      return `must be at most ${limit}`;
    case 'minLength':
      return `must have at least ${counted(limit, 'character')}`;
    case 'maxLength':
      return `must have at most ${counted(limit, 'character')}`;
    case 'minProperties':
      return `must have at least ${counted(limit, 'entry', 'entries')}`;
    case 'maxProperties':
      return `must have at most ${counted(limit, 'entry', 'entries')}`;
    case 'maxItems':
      return `must have at most ${counted(limit, 'item')}`;
    case 'const':
      return `must be ${JSON.stringify(params.allowedValue)}`;
    case 'enum':
      return `must be one of ${params.allowedValues.join(', ')}`;
    case 'type':
      return `must be ${[params.type].flat().map(withArticle).join(' or ')}`;
    case 'pattern':
      return wordsOf(params.pattern) ?? message ?? 'is invalid';
    case 'format':
      return params.format === 'date-time'
        ? 'must be a time such as 2026-01-02T03:04:05Z'
        : `must be a ${params.format}`;
    default:
      return message ?? 'is invalid';
  }
}

/** The actual size for a limit on a size, otherwise the value, cut to a length that a message can have. */
function actualValue({ keyword, data }: ErrorObject): string {
  if (keyword.endsWith('Length')) return String([...String(data)].length);
  if (Array.isArray(data)) return keyword === 'maxItems' ? String(data.length) : 'an array';
  if (typeof data === 'object' && data !== null) {
    return keyword.endsWith('Properties') ? String(Object.keys(data).length) : 'an object';
  }
  // Cut before escaping: the value may have megabytes.
  return typeof data === 'string' ? JSON.stringify(shorten(data)) : String(data);
}

const shorten = (text: string): string =>
  text.length <= longestShown ? text : `${text.slice(0, longestShown)}…`;

const withArticle = (type: string): string => `${/^[aio]/.test(type) ? 'an' : 'a'} ${type}`;

const counted = (count: number, one: string, many = `${one}s`): string =>
  `${count} ${count === 1 ? one : many}`;
