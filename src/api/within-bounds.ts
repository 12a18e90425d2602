// Fits a status into the bounds of its schema. The API server does not cut values: it refuses the whole write, and
// then the object shows no status at all. Pure; knows no kind.
import type { TSchema } from './schema.ts';

interface Bounds {
  type?: string;
  enum?: unknown[];
  pattern?: string;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  maxItems?: number;
  maxProperties?: number;
  items?: Bounds;
  required?: string[];
  properties?: Record<string, Bounds>;
  additionalProperties?: Bounds | boolean;
}

/** Replaces an empty text where the schema requires one: the `reason` of a condition. */
const placeholder = 'Unknown';

/**
 * The value itself when it fits. A text that is too long ends in `…`; a list of texts that is too long ends with
 * the number of the rest; numbers are clamped. A value that cannot be made to fit (not in an enumeration) is
 * dropped.
 */
export const withinBounds = <T>(schema: TSchema, value: T): T => fit(schema as Bounds, value) as T;

function fit(bounds: Bounds, value: unknown): unknown {
  if (bounds.enum && !bounds.enum.includes(value)) return undefined;
  if (typeof value === 'string') return fitText(bounds, value);
  if (typeof value === 'number') return fitNumber(bounds, value);
  if (Array.isArray(value)) return fitList(bounds, value);
  if (typeof value === 'object' && value !== null) return fitObject(bounds, value as Record<string, unknown>);
  return value;
}

function fitText({ pattern, minLength = 0, maxLength = Number.POSITIVE_INFINITY }: Bounds, text: string) {
  // Drop a text that breaks its pattern. A changed id would be another id.
  if (pattern !== undefined && !new RegExp(pattern, 'u').test(text)) return undefined;
  return text.length < minLength ? placeholder : shortened(text, maxLength);
}

/** Counts characters (code points), as the API server and ajv do. */
export function shortened(text: string, longest: number): string {
  if (text.length <= longest) return text;
  // A character has at most two code units, so the rest need not be examined.
  const characters = [...text.slice(0, longest * 2 + 2)];
  return characters.length <= longest ? text : `${characters.slice(0, longest - 1).join('')}…`;
}

function fitNumber(bounds: Bounds, value: number): number {
  const { minimum = Number.NEGATIVE_INFINITY, maximum = Number.POSITIVE_INFINITY } = bounds;
  if (Number.isNaN(value)) return Math.max(0, minimum);
  const clamped = Math.min(Math.max(value, minimum), maximum);
  return bounds.type === 'integer' ? Math.round(clamped) : clamped;
}

function fitList({ items = {}, maxItems = Number.POSITIVE_INFINITY }: Bounds, list: unknown[]): unknown[] {
  const fitted = list.map((item) => fit(items, item)).filter((item) => item !== undefined);
  if (fitted.length <= maxItems) return fitted.every((item, index) => item === list[index]) ? list : fitted;
  if (items.type !== 'string') return fitted.slice(0, maxItems);
  const shown = fitted.slice(0, maxItems - 1);
  return [...shown, `and ${fitted.length - shown.length} more`];
}

function fitObject(bounds: Bounds, object: Record<string, unknown>): Record<string, unknown> {
  const { properties = {}, additionalProperties, maxProperties = Number.POSITIVE_INFINITY } = bounds;
  const others = typeof additionalProperties === 'object' ? additionalProperties : {};
  const entries = Object.entries(object).map(([name, value]) => {
    const field = Object.hasOwn(properties, name) ? properties[name]! : others;
    return [name, fit(field, value)] as const;
  });
  const kept = entries.filter(([, value]) => value !== undefined).slice(0, maxProperties);
  const isSame =
    kept.length === Object.keys(object).length && kept.every(([name, it]) => object[name] === it);
  return isSame ? object : Object.fromEntries(kept);
}
