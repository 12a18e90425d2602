// RFC 6902, the three operations that admission uses, as strict as the API server: what is replaced or
// removed must be there, and so must the parent of what is added. Written from the RFC, apart from src/server.

export interface Operation {
  op: string;
  path: string;
  value?: unknown;
}

type Container = Record<string, unknown> | unknown[];

/** A patched copy; throws Error where the API server would answer 500. */
export function applyPatch<T>(document: T, patch: readonly Operation[]): T {
  let root: unknown = structuredClone(document);
  for (const { op, path, value } of patch) {
    const steps = stepsOf(path);
    const last = steps.pop();
    if (last === undefined) {
      if (op === 'remove') throw new Error('the whole document cannot be removed');
      root = structuredClone(value);
      continue;
    }
    const parent = steps.reduce<unknown>((at, step) => child(container(at, path), step, path), root);
    change(container(parent, path), last, op, structuredClone(value), path);
  }
  return root as T;
}

function stepsOf(pointer: string): string[] {
  if (pointer === '') return [];
  if (!pointer.startsWith('/')) throw new Error(`a JSON pointer must begin with /, got ${pointer}`);
  return pointer
    .slice(1)
    .split('/')
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function container(value: unknown, path: string): Container {
  if (typeof value === 'object' && value !== null) return value as Container;
  throw new Error(`${path}: a parent is missing`);
}

function child(parent: Container, step: string, path: string): unknown {
  if (!Object.hasOwn(parent, step)) throw new Error(`${path}: ${step} is missing`);
  return (parent as Record<string, unknown>)[step];
}

function change(parent: Container, step: string, op: string, value: unknown, path: string): void {
  if (op !== 'add' && op !== 'replace' && op !== 'remove')
    throw new Error(`${op}: an operation unknown here`);
  if (op !== 'add') child(parent, step, path);
  if (Array.isArray(parent)) {
    const index = step === '-' ? parent.length : Number(step);
    if (!Number.isInteger(index) || index < 0 || index > parent.length) throw new Error(`${path}: no index`);
    parent.splice(index, op === 'add' ? 0 : 1, ...(op === 'remove' ? [] : [value]));
  } else if (op === 'remove') {
    delete parent[step];
  } else {
    // Not by assignment: a key may be called __proto__.
    Object.defineProperty(parent, step, { value, enumerable: true, configurable: true, writable: true });
  }
}
