// The columns of `kubectl get` for every built-in kind.
import { own } from '../../runtime/own-keys.ts';
import type { Column } from '../resources.ts';
import { dig } from '../types.ts';
import { apps } from './apps.ts';
import { type Cell, name, type Spec } from './cells.ts';
import { core } from './core.ts';
import { others } from './others.ts';

const kinds: Record<string, Spec[]> = { ...core, ...apps, ...others };

/** For kinds without a table of their own. */
const defaultColumns: Spec[] = [name, ['Created At', (item) => item.metadata.creationTimestamp]];

function column([label, value, type = 'string', priority = 0]: Spec): Column {
  const cell: Cell = typeof value === 'string' ? (item) => dig(item, value) ?? '' : value;
  return { name: label, type, priority, value: cell, ...(label === 'Name' ? { format: 'name' } : {}) };
}

export const columnsOf = (kind: string): Column[] => (own(kinds, kind) ?? defaultColumns).map(column);
