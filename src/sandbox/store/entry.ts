// One stored revision of one object: its JSON, and the few fields by which reads filter. Each caller parses the JSON
// into its own object, so no caller can change the stored one.

import { joinKey } from '../../kube/objects.ts';
import { asList, asString, type Item } from '../types.ts';

export interface Entry {
  /** Name of the table that has this object: `group/plural`. */
  readonly table: string;
  readonly key: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** The resourceVersion of this revision. */
  readonly rv: number;
  readonly json: string;
  readonly labels: Record<string, string> | undefined;
  readonly deleting: boolean;
  /** The uids in metadata.ownerReferences. */
  readonly owners: readonly string[] | undefined;
}

export type ChangeType = 'ADDED' | 'MODIFIED' | 'DELETED';

/** One step of history. A DELETED change has the object's last state, with the version of the deletion. */
export interface StoreChange {
  readonly type: ChangeType;
  readonly entry: Entry;
  readonly prev: Entry | undefined;
  /** Monotonic milliseconds, for compaction by age. */
  readonly at: number;
}

export function parse(entry: Entry): Item {
  return JSON.parse(entry.json) as Item;
}

/** The entry for a write of `item` at version `rv`. Sets the resourceVersion in `item`. */
export function entryOf(table: string, item: Item, rv: number): Entry {
  item.metadata.resourceVersion = String(rv);
  return describe(table, item, rv, JSON.stringify(item));
}

/** The entry of an object whose JSON exists already. */
export function describe(table: string, item: Item, rv: number, json: string): Entry {
  const meta = item.metadata;
  const namespace = meta.namespace ?? '';
  const owners = asList(meta.ownerReferences).map((owner) => asString(owner.uid));
  return {
    table,
    key: joinKey(namespace, meta.name),
    namespace,
    name: meta.name,
    uid: meta.uid,
    rv,
    json,
    labels: meta.labels,
    deleting: meta.deletionTimestamp !== undefined,
    owners: owners.length > 0 ? owners : undefined,
  };
}
