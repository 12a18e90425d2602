// The building blocks of our schemas. Each one is a TypeScript type, an ajv schema and a structural OpenAPI v3
// schema for a CRD at once. Every block has a bound: the API server limits schemas by what they allow, and an
// unbounded field can fill a disk.
import Type, { type Static, type TSchema } from 'typebox';
import { currencies } from './money.ts';

export { type Static, type TSchema, Type };

/** The annotations that every block accepts. */
type Note = { description: string; default?: unknown; immutable?: true };

/** Kubernetes object names are at most 253 characters (RFC 1123 subdomain). */
export const longestName = 253;

/** Bounds of whole numbers. An order of 64 goods × 100,000 units at the highest price stays below 2^53. */
export const highestPrice = 1_000_000_000;
export const maxPieces = 100_000;
export const maxGoodsPerOrder = 64;
export const maxStock = 1_000_000_000;
/** A double counts exactly up to here, so our totals do too. */
export const highestTotal = Number.MAX_SAFE_INTEGER;

export const text = (maxLength: number, note: Note, minLength = 0) =>
  Type.String({ ...(minLength ? { minLength } : {}), maxLength, ...note });

export const reference = (note: Note) => text(longestName, note, 1);

export const int = (minimum: number, maximum: number, note: Note) =>
  Type.Integer({ format: 'int64', minimum, maximum, ...note });

export const flag = (note: Note) => Type.Boolean({ ...note });

/** RFC 3339 with milliseconds, always UTC: `2026-01-02T03:04:05.678Z`. */
export const time = (note: Note) => Type.String({ format: 'date-time', maxLength: 40, ...note });

/** A random UUID (RFC 4122, version 4) as `crypto.randomUUID` makes them. */
export const id = (note: Note) =>
  Type.String({
    pattern: '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$',
    maxLength: 36,
    ...note,
  });

export const choice = <const T extends string>(values: readonly T[], note: Note) =>
  Type.Unsafe<T>({ type: 'string', enum: values, ...note });

/** An amount as people read it (money.ts). */
export const moneyForPeople = (description: string) => text(128, { description });
export const currency = (description: string) => choice(currencies, { description });

/** A map from strings to whole numbers. TypeBox's own Record uses patternProperties, which a CRD does not allow. */
export const counts = (bounds: { minimum: number; maximum: number; maxProperties: number }, note: Note) =>
  Type.Unsafe<Record<string, number>>({
    type: 'object',
    minProperties: 1,
    maxProperties: bounds.maxProperties,
    additionalProperties: {
      type: 'integer',
      format: 'int64',
      minimum: bounds.minimum,
      maximum: bounds.maximum,
    },
    ...note,
  });

export const listOf = <T extends TSchema>(items: T, maxItems: number, note: Note) =>
  Type.Array(items, { maxItems, ...note });

/** A list whose items have the key field `key` (`x-kubernetes-list-type: map`). */
export const listByKey = <T extends TSchema>(items: T, key: string, maxItems: number, note: Note) =>
  Type.Array(items, {
    maxItems,
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': [key],
    ...note,
  });

const words = new Map<string, string>();

/** Sets the words with which a refusal describes what `pattern` requires. */
export function worded(pattern: string, mustHold: string): void {
  words.set(pattern, mustHold);
}
export const wordsOf = (pattern: string): string | undefined => words.get(pattern);

export const optional = Type.Optional;
export const object = Type.Object;

const condition = object({
  type: text(316, { description: 'What the condition is about, in CamelCase.' }, 1),
  status: choice(['True', 'False', 'Unknown'], { description: 'Whether it holds.' }),
  observedGeneration: optional(
    int(0, highestTotal, { description: 'The generation of the spec that was judged.' }),
  ),
  lastTransitionTime: time({ description: 'When status last changed.' }),
  reason: text(1024, { description: 'Why, in one CamelCase word.' }, 1),
  message: text(32768, { description: 'Why, for a person.' }),
});
export type Condition = Static<typeof condition>;

/** `status.conditions` by the Kubernetes API conventions (metav1.Condition). */
export const conditions = optional(
  listByKey(condition, 'type', 32, {
    description: 'The state of the object; Ready sums it up.',
  }),
);

export const observedGeneration = optional(
  int(0, highestTotal, { description: 'The generation of the spec that this status describes.' }),
);
