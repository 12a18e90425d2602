// RFC 6902 JSON Patch and RFC 7386 merge patch on plain JSON. Pure. The error texts are those of kube-apiserver's
// Go library.

import { own, setOwn } from '../../runtime/own-keys.ts';
import { ApiError } from '../status.ts';
import { asString, clone, equal, isObj, type Obj } from '../types.ts';

/** The patch cannot be applied to this object. Clients get kube-apiserver's general text; `why` is for debugging. */
class PatchFailure extends ApiError {
  readonly why: string;

  constructor(why: string) {
    super(422, 'Invalid', 'the server rejected our request due to an error in our request', {});
    this.why = why;
  }
}

const failure = (why: string) => new PatchFailure(why);

/** The keys of a JSON pointer (RFC 6901). */
const keysOf = (path: string): string[] => {
  if (path === '') return [];
  if (!path.startsWith('/')) throw failure(`the server rejected our request due to an error in our request`);
  return path
    .slice(1)
    .split('/')
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
};

type Container = Obj | unknown[];

function descend(doc: unknown, parts: string[], operation: string, path: string): Container {
  let at: unknown = doc;
  for (const part of parts) {
    at = Array.isArray(at) ? at[Number(part)] : isObj(at) ? own(at, part) : undefined;
    if (at === undefined)
      throw failure(
        `${operation} operation does not apply: doc is missing path: ${JSON.stringify(path)}: missing value`,
      );
  }
  if (!isObj(at) && !Array.isArray(at))
    throw failure(
      `${operation} operation does not apply: doc is missing path: ${JSON.stringify(path)}: missing value`,
    );
  return at;
}

/** The list index that `part` means: at most `limit`. As in the Go library, a negative one counts from the end. */
function indexIn(list: unknown[], part: string, operation: string, path: string, limit: number): number {
  const n = part === '-' ? list.length : /^-?\d+$/.test(part) ? Number(part) : Number.NaN;
  const at = n < 0 ? n + list.length : n;
  if (Number.isNaN(at) || at < 0 || at > limit)
    throw failure(
      `${operation} operation does not apply: doc is missing path: ${JSON.stringify(path)}: invalid index referenced`,
    );
  return at;
}

function read(doc: unknown, path: string, operation: string): unknown {
  const parts = keysOf(path);
  const last = parts.pop();
  if (last === undefined) return doc;
  const parent = descend(doc, parts, operation, path);
  const value = Array.isArray(parent)
    ? parent[indexIn(parent, last, operation, path, parent.length - 1)]
    : own(parent, last);
  if (value === undefined)
    throw failure(`${operation} operation does not apply: doc is missing key: ${path}: missing value`);
  return value;
}

function add(doc: unknown, path: string, value: unknown): unknown {
  const parts = keysOf(path);
  const last = parts.pop();
  if (last === undefined) return value;
  const parent = descend(doc, parts, 'add', path);
  if (Array.isArray(parent)) parent.splice(indexIn(parent, last, 'add', path, parent.length), 0, value);
  else setOwn(parent, last, value);
  return doc;
}

/** Removes the value at `path` and returns it. */
function take(doc: unknown, path: string, operation: string): unknown {
  const value = read(doc, path, operation);
  const parts = keysOf(path);
  const last = parts.pop() as string;
  const parent = descend(doc, parts, operation, path);
  if (Array.isArray(parent)) parent.splice(indexIn(parent, last, operation, path, parent.length - 1), 1);
  else delete parent[last];
  return value;
}

/** kube-apiserver's JSONPatchMaxCopyBytes: bytes that the `copy` operations of one patch may copy in total. */
const maxCopied = 3 * 1024 * 1024;
/** An insertion or removal in a list moves the items behind it. One patch may move at most this many. */
const maxShifted = 5_000_000;

/** The cost of one patch so far: bytes copied, and list items moved. */
interface Spent {
  copied: number;
  shifted: number;
}

/** If the parent of `path` is a list, counts all its items as moved. Throws above `maxShifted`. */
function countShifts(doc: unknown, path: string, spent: Spent): void {
  const parts = keysOf(path);
  parts.pop();
  let at: unknown = doc;
  for (const part of parts) at = Array.isArray(at) ? at[Number(part)] : isObj(at) ? own(at, part) : undefined;
  if (Array.isArray(at)) spent.shifted += at.length;
  if (spent.shifted > maxShifted) throw failure(`a patch must shift at most ${maxShifted} items of lists`);
}

/** A copy of `value`, whose size counts against `maxCopied`. */
function countedCopy(value: unknown, spent: Spent): unknown {
  const text = JSON.stringify(value);
  spent.copied += text.length;
  if (spent.copied > maxCopied) {
    throw failure(
      `Unable to complete the copy, the accumulated size increase of copy is ${spent.copied}, exceeding the limit ${maxCopied}`,
    );
  }
  return JSON.parse(text);
}

type Operation = (doc: unknown, op: Obj, spent: Spent) => unknown;

const operations: Record<string, Operation> = {
  add: (doc, op) => add(doc, asString(op.path), clone(op.value)),
  remove: (doc, op) => {
    take(doc, asString(op.path), 'remove');
    return doc;
  },
  replace: (doc, op) => {
    const path = asString(op.path);
    if (path === '') return clone(op.value);
    read(doc, path, 'replace');
    const parts = keysOf(path);
    const last = parts.pop() as string;
    const parent = descend(doc, parts, 'replace', path);
    if (Array.isArray(parent))
      parent[indexIn(parent, last, 'replace', path, parent.length - 1)] = clone(op.value);
    else setOwn(parent, last, clone(op.value));
    return doc;
  },
  move: (doc, op) => add(doc, asString(op.path), take(doc, asString(op.from), 'move')),
  copy: (doc, op, spent) =>
    add(doc, asString(op.path), countedCopy(read(doc, asString(op.from), 'copy'), spent)),
  test: (doc, op) => {
    const path = asString(op.path);
    let found: unknown;
    try {
      found = read(doc, path, 'test');
    } catch {
      if (op.value === null || op.value === undefined) return doc;
      throw failure(`testing path ${path} failed: test failed`);
    }
    if (!equal(found, op.value)) throw failure(`testing value ${path} failed: test failed`);
    return doc;
  },
};

/** Applies `patch` to a copy of `doc`. */
export function jsonPatch(doc: unknown, patch: unknown): unknown {
  if (!Array.isArray(patch))
    throw new ApiError(
      400,
      'BadRequest',
      'json: cannot unmarshal object into Go value of type jsonpatch.Patch',
    );
  let out = clone(doc);
  const spent: Spent = { copied: 0, shifted: 0 };
  for (const op of patch) {
    if (!isObj(op))
      throw new ApiError(
        400,
        'BadRequest',
        'json: cannot unmarshal value into Go value of type jsonpatch.Operation',
      );
    const operation = own(operations, asString(op.op));
    if (!operation) throw failure(`unexpected kind: ${asString(op.op) || 'unknown'}`);
    if (typeof op.path !== 'string') throw failure(`${op.op} operation does not apply: missing path`);
    if (op.op !== 'test' && op.op !== 'replace') {
      countShifts(out, op.path, spent);
      if (op.op === 'move') countShifts(out, asString(op.from), spent);
    }
    out = operation(out, op, spent);
  }
  return out;
}

/** RFC 7386: objects merge, null removes, everything else replaces. Does not change its arguments. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isObj(patch)) return patch;
  const out: Obj = isObj(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete out[name];
    else setOwn(out, name, mergePatch(own(out, name), value));
  }
  return out;
}
