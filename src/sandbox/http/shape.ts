// Writes stored revisions in the requested format: the object itself, a table row, or metadata only.

import { type Column, load, type ResourceType, render } from '../resources.ts';
import type { Entry } from '../store/entry.ts';
import type { Item, Obj } from '../types.ts';
import type { Accepted } from './accept.ts';

export interface View {
  type: ResourceType;
  accept: Accepted;
  /** The query parameter includeObject of a request for a table. */
  include: 'Metadata' | 'Object' | 'None';
  now: () => number;
}

const describe = (column: Column): Obj => ({
  name: column.name,
  type: column.type,
  format: column.format ?? '',
  description: column.description ?? '',
  priority: column.priority,
});

function row(view: View, entry: Entry): string {
  const item = load(view.type, entry);
  const now = view.now();
  const cells = JSON.stringify(view.type.columns.map((column) => column.value(item, now) ?? null));
  if (view.include === 'None') return `{"cells":${cells},"object":null}`;
  const object = view.include === 'Object' ? render(view.type, entry) : partial(view, item);
  return `{"cells":${cells},"object":${object}}`;
}

/** The object's metadata only, as a PartialObjectMetadata. */
function partial(view: View, item: Item): string {
  return JSON.stringify({
    kind: 'PartialObjectMetadata',
    apiVersion: `meta.k8s.io/${view.accept.metaVersion}`,
    metadata: item.metadata,
  });
}

function tableHead(view: View, metadata: Obj): string {
  const columns = view.type.columns.map(describe);
  const head = {
    kind: 'Table',
    apiVersion: `meta.k8s.io/${view.accept.metaVersion}`,
    metadata,
    columnDefinitions: columns,
  };
  return `${JSON.stringify(head).slice(0, -1)},"rows":[`;
}

/** One object as a whole answer (GET), or in a watch event. */
export function single(view: View, entry: Entry): string {
  if (view.accept.shape === 'object') return render(view.type, entry);
  if (view.accept.shape === 'table')
    return `${tableHead(view, { resourceVersion: String(entry.rv) })}${row(view, entry)}]}`;
  return partial(view, load(view.type, entry));
}

/** The beginning of a list. The items follow, separated by commas, then `]}`. */
export function listHead(view: View, metadata: Obj): string {
  if (view.accept.shape === 'table') return tableHead(view, metadata);
  const self =
    view.accept.shape === 'object'
      ? {
          kind: view.type.listKind,
          apiVersion: view.type.group ? `${view.type.group}/${view.type.version}` : view.type.version,
        }
      : { kind: 'PartialObjectMetadataList', apiVersion: `meta.k8s.io/${view.accept.metaVersion}` };
  return `${JSON.stringify({ ...self, metadata }).slice(0, -1)},"items":[`;
}

export function listItem(view: View, entry: Entry): string {
  if (view.accept.shape === 'table') return row(view, entry);
  if (view.accept.shape !== 'object') return partial(view, load(view.type, entry));
  const json = render(view.type, entry);
  // Items of built-in lists have no apiVersion and kind: the kind of the list implies them.
  return view.type.builtin && json.startsWith('{"apiVersion":')
    ? `{${json.slice(json.indexOf('"metadata":'))}`
    : json;
}
