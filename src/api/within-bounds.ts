// Fits a status into the bounds of its schema. The API server cuts nothing off: it refuses the whole write, and an
// object whose status is refused shows nothing at all. Pure; knows no kind.
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

/** Stands for a text that must not be empty and is: `reason` of a condition. */
const placeholder = 'Unknown';

/**
 * The value itself where it fits. Texts that are too long end in `…`, lists of texts in how many are left out; numbers
 * are clamped. What cannot be made to fit (a word that no enumeration has) is left out.
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
  // An id that was cut would be another one.
  if (pattern !== undefined && !new RegExp(pattern, 'u').test(text)) return undefined;
  return text.length < minLength ? placeholder : shortened(text, maxLength);
}

/** Counted in characters (code points), as the API server and ajv count. */
export function shortened(text: string, longest: number): string {
  if (text.length <= longest) return text;
  // A character has at most two code units: what lies beyond need not be looked at.
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
