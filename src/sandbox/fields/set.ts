// Sets of field paths, as server-side apply stores them per manager (fieldsV1). Path elements keep their written
// form: `f:name`, `k:{"name":"x"}`, `v:"x"`. Knows no schema and no object.

import { setOwn } from '../../runtime/own-keys.ts';
import { isObj, type Obj } from '../types.ts';

export class FieldSet {
  /** Path elements of this level that are in the set themselves. */
  readonly members = new Set<string>();
  /** By path element: the set of the fields below it. */
  readonly children = new Map<string, FieldSet>();

  static fromJson(json: unknown): FieldSet {
    const set = new FieldSet();
    if (!isObj(json)) return set;
    for (const [element, below] of Object.entries(json)) {
      // `.` says that the element above is in the set itself.
      if (element === '.') continue;
      const child = FieldSet.fromJson(below);
      if (!isObj(below) || Object.keys(below).length === 0 || Object.hasOwn(below, '.'))
        set.members.add(element);
      if (!child.empty) set.children.set(element, child);
    }
    return set;
  }

  toJson(): Obj {
    const out: Obj = {};
    const elements = [...new Set([...this.members, ...this.children.keys()])].sort();
    for (const element of elements) {
      const below = this.children.get(element);
      const isMember = this.members.has(element);
      setOwn(out, element, !below ? {} : isMember ? { '.': {}, ...below.toJson() } : below.toJson());
    }
    return out;
  }

  get empty(): boolean {
    if (this.members.size > 0) return false;
    for (const child of this.children.values()) if (!child.empty) return false;
    return true;
  }

  child(element: string): FieldSet {
    let child = this.children.get(element);
    if (!child) {
      child = new FieldSet();
      this.children.set(element, child);
    }
    return child;
  }

  union(other: FieldSet): FieldSet {
    const out = new FieldSet();
    for (const set of [this, other]) for (const member of set.members) out.members.add(member);
    for (const element of new Set([...this.children.keys(), ...other.children.keys()])) {
      const [a, b] = [this.children.get(element), other.children.get(element)];
      out.children.set(element, a && b ? a.union(b) : ((a ?? b) as FieldSet));
    }
    return out;
  }

  minus(other: FieldSet): FieldSet {
    return this.#combine(other, (mine, theirs) => mine && !theirs);
  }

  and(other: FieldSet): FieldSet {
    return this.#combine(other, (mine, theirs) => mine && theirs);
  }

  #combine(other: FieldSet, keep: (mine: boolean, theirs: boolean) => boolean): FieldSet {
    const out = new FieldSet();
    for (const member of this.members) if (keep(true, other.members.has(member))) out.members.add(member);
    for (const [element, child] of this.children) {
      const rest = child.#combine(other.children.get(element) ?? emptySet, keep);
      if (!rest.empty) out.children.set(element, rest);
    }
    return out;
  }

  /** The set without the given top-level fields and everything below them. */
  without(elements: readonly string[]): FieldSet {
    const out = new FieldSet();
    for (const member of this.members) if (!elements.includes(member)) out.members.add(member);
    for (const [element, child] of this.children)
      if (!elements.includes(element)) out.children.set(element, child);
    return out;
  }

  equals(other: FieldSet): boolean {
    return this.minus(other).empty && other.minus(this).empty;
  }

  /** Every path as errors print it: `.spec.containers[name="a"].image`. */
  paths(prefix = ''): string[] {
    const elements = [...new Set([...this.members, ...this.children.keys()])].sort();
    return elements.flatMap((element) => {
      const path = prefix + printed(element);
      const below = this.children.get(element)?.paths(path) ?? [];
      return this.members.has(element) ? [path, ...below] : below;
    });
  }
}

const emptySet = new FieldSet();

function printed(element: string): string {
  const text = element.slice(2);
  if (element.startsWith('f:')) return `.${text}`;
  if (element.startsWith('v:')) return `[=${text}]`;
  if (element.startsWith('i:')) return `[${text}]`;
  const keys = Object.entries(JSON.parse(text) as Obj).map(
    ([key, value]) => `${key}=${JSON.stringify(value)}`,
  );
  return `[${keys.join(',')}]`;
}
