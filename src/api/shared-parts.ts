// Compiles a part that a schema has many times (a container, in each of twelve components) only once. Otherwise the
// first review of such a kind would block everything else. Knows no kind.

type Json = Record<string, unknown>;

/** A part with a shorter JSON text is not shared: a reference would cost more than it saves. */
const minSharedLength = 300;

const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null;
const isPart = (node: Json): boolean => node.type === 'object' && isObject(node.properties);

/**
 * The same schema with `$defs` for parts that occur more than once, and without descriptions, which validate
 * nothing.
 */
export function withSharedParts(schema: object): object {
  const plain = withoutDescriptions(schema) as Json;
  const counts = new Map<string, number>();
  count(plain, counts);
  const defs = new Map<string, { name: string; schema: unknown }>();
  const whole = share(plain, counts, defs, true) as Json;
  if (defs.size === 0) return whole;
  return {
    ...whole,
    $defs: Object.fromEntries([...defs.values()].map(({ name, schema }) => [name, schema])),
  };
}

function withoutDescriptions(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(withoutDescriptions);
  if (!isObject(node)) return node;
  // A property may be called `description`; its value is a schema, not a text.
  const entries = Object.entries(node).filter(
    ([key, value]) => key !== 'description' || typeof value !== 'string',
  );
  return Object.fromEntries(entries.map(([key, value]) => [key, withoutDescriptions(value)]));
}

function count(node: unknown, counts: Map<string, number>): void {
  if (!isObject(node)) return;
  if (isPart(node)) {
    const key = JSON.stringify(node);
    const seen = (counts.get(key) ?? 0) + 1;
    counts.set(key, seen);
    // The parts inside are shared together with it.
    if (seen > 1) return;
  }
  for (const child of Object.values(node)) count(child, counts);
}

function share(
  node: unknown,
  counts: ReadonlyMap<string, number>,
  defs: Map<string, { name: string; schema: unknown }>,
  isRoot = false,
): unknown {
  if (Array.isArray(node)) return node.map((item) => share(item, counts, defs));
  if (!isObject(node)) return node;
  const withSharedChildren = (): Json =>
    Object.fromEntries(Object.entries(node).map(([key, value]) => [key, share(value, counts, defs)]));
  if (isRoot || !isPart(node)) return withSharedChildren();
  const key = JSON.stringify(node);
  if (key.length < minSharedLength || (counts.get(key) ?? 0) < 2) return withSharedChildren();
  const found = defs.get(key);
  if (found) return { $ref: `#/$defs/${found.name}` };
  const def = { name: `part${defs.size}`, schema: undefined as unknown };
  defs.set(key, def);
  def.schema = withSharedChildren();
  return { $ref: `#/$defs/${def.name}` };
}
