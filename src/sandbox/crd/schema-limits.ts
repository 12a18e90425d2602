// Limits the size of a definition's schema. Without a limit, anybody who may write definitions could make one that
// takes minutes to compile: V8 needs more than linear time for the code that ajv makes from nested schemas. The
// kinds of the largest known operators (Prometheus, KEDA) have about 3,000 schemas, 20 deep.
import type { Schema } from '../schema/schema.ts';
import { isObj } from '../types.ts';

const maxDepth = 32;
const maxSchemas = 5000;
/**
 * Maximum number of schemas that may be compiled to check all defaults. The check of a default compiles its schema
 * and all schemas below it.
 */
const maxForDefaults = 2000;

interface Size {
  schemas: number;
  /** Number of schemas to compile for the checks of defaults. */
  forDefaults: number;
  tooDeep: boolean;
}

/** Returns why the schema is too large, or undefined. */
export function tooMuchSchema(schema: Schema): string | undefined {
  const { schemas, forDefaults, tooDeep } = sizeOf(schema, 1);
  if (tooDeep) return `schemas must be nested at most ${maxDepth} deep`;
  if (schemas > maxSchemas) return `must have at most ${maxSchemas} schemas, got ${schemas}`;
  if (forDefaults > maxForDefaults) {
    return `defaults must have at most ${maxForDefaults} schemas below them in all, got ${forDefaults}`;
  }
  return undefined;
}

function sizeOf(schema: unknown, depth: number): Size {
  const size: Size = { schemas: 1, forDefaults: 0, tooDeep: depth > maxDepth };
  if (!isObj(schema) || size.tooDeep) return size;
  for (const child of childrenOf(schema as Schema)) {
    const { schemas, forDefaults, tooDeep } = sizeOf(child, depth + 1);
    size.schemas += schemas;
    size.forDefaults += forDefaults;
    size.tooDeep ||= tooDeep;
    if (size.tooDeep) return size;
  }
  if (schema.default !== undefined) size.forDefaults += size.schemas;
  return size;
}

function childrenOf({
  properties,
  items,
  additionalProperties,
  allOf,
  anyOf,
  oneOf,
  not,
}: Schema): unknown[] {
  const lists = [allOf, anyOf, oneOf].flatMap((list) => (Array.isArray(list) ? list : []));
  const maps = isObj(properties) ? Object.values(properties) : [];
  return [...maps, ...lists, items, additionalProperties, not].filter(isObj);
}
