// Objects as tests read them, and the two things every API server does with them: merge patches and kinds.
import { kinds } from '../../src/api/kinds.ts';
import type { KubeObject } from '../../src/kube/objects.ts';

/** An object as stored, its spec and status read loosely: tests look at fields, not at types. */
export type Thing = KubeObject & {
  // biome-ignore lint/suspicious/noExplicitAny: any field of any kind
  spec: any;
  // biome-ignore lint/suspicious/noExplicitAny: any field of any kind
  status?: any;
};

export function kindOf(name: string) {
  const kind = kinds.find((it) => it.kind === name);
  if (!kind) throw new Error(`no kind ${name}`);
  return kind;
}

/** RFC 7396. */
export function merge<T>(target: T, patch: object): T {
  return merged(target, patch) as T;
}

function merged(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const result: Record<string, unknown> = { ...(target as Record<string, unknown>) };
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = merged(result[key], value);
  }
  return result;
}
