// LIST: selects a consistent page, and sends it in chunks, so that 20,000 objects are never in memory twice.

import type { ServerResponse } from 'node:http';
import { stringify } from 'yaml';
import { load } from '../resources.ts';
import { matchesFields, matchesLabels } from '../selectors.ts';
import { expired, tooLargeVersion } from '../status.ts';
import type { Entry } from '../store/entry.ts';
import { parse } from '../store/entry.ts';
import type { Store } from '../store/store.ts';
import type { Obj } from '../types.ts';
import { type ListOptions, type Selection, writeToken } from './query.ts';
import { listHead, listItem, type View } from './shape.ts';

const tooOldToContinue =
  'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.';

export interface Page {
  entries: Entry[];
  metadata: Obj;
}

/** Whether the selection contains the entry. Parses the object only for fields that the entry itself lacks. */
export function selects(view: View, { labels, fields }: Selection, entry: Entry): boolean {
  if (labels.length > 0 && !matchesLabels(labels, entry.labels)) return false;
  if (fields.length === 0) return true;
  const quick = fields.every(({ path }) => path === 'metadata.name' || path === 'metadata.namespace');
  if (quick)
    return fields.every(
      ({ path, equals, value }) =>
        ((path === 'metadata.name' ? entry.name : entry.namespace) === value) === equals,
    );
  return matchesFields(fields, view.type.convert ? load(view.type, entry) : parse(entry));
}

export function page(
  store: Store,
  view: View,
  namespace: string,
  chosen: Selection,
  options: ListOptions,
): Page {
  // Make waiting writes durable first: a read must not show what a crash could still undo.
  store.settle();
  const { rv, exact, limit, token } = options;
  if (rv !== undefined && rv > store.version) throw tooLargeVersion(rv, store.version);
  const version = token && token.rv > 0 ? token.rv : exact && rv ? rv : store.version;
  if (version < store.oldest) {
    if (!token) throw expired('The resourceVersion for the provided list is too old.');
    const error = expired(tooOldToContinue);
    Object.assign(error.status, { metadata: { continue: writeToken({ rv: -1, start: token.start }) } });
    throw error;
  }
  const range = { namespace, after: token?.start ?? '' };
  const table = store.table(view.type.table);
  const source: Iterable<Entry> = version === store.version ? table.entries(range) : table.at(version, range);
  const selectsAll = chosen.labels.length === 0 && chosen.fields.length === 0;
  const entries: Entry[] = [];
  let remaining = 0;
  for (const entry of source) {
    if (limit !== undefined && entries.length >= limit) {
      // Without a selector, count the remaining objects. With one, only record that the list continues.
      if (selectsAll || remaining === 0) remaining++;
      if (!selectsAll && remaining > 0) break;
      continue;
    }
    if (selectsAll || selects(view, chosen, entry)) entries.push(entry);
  }
  const metadata: Obj = { resourceVersion: String(version) };
  if (remaining > 0) {
    metadata.continue = writeToken({ rv: version, start: (entries.at(-1) as Entry).key });
    if (selectsAll) metadata.remainingItemCount = remaining;
  }
  return { entries, metadata };
}

const chunkSize = 256 * 1024;

/** Sends the page, and waits whenever the client is slow. */
export async function sendPage(res: ServerResponse, view: View, { entries, metadata }: Page): Promise<void> {
  const head = listHead(view, metadata);
  if (view.accept.yaml) {
    const text = `${head}${entries.map((entry) => listItem(view, entry)).join(',')}]}`;
    res.writeHead(200, { 'content-type': 'application/yaml' });
    res.end(stringify(JSON.parse(text)));
    return;
  }
  res.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-cache, private' });
  let chunk: string[] = [head];
  let size = head.length;
  let first = true;
  for (const entry of entries) {
    const text = listItem(view, entry);
    if (!first) chunk.push(',');
    first = false;
    chunk.push(text);
    size += text.length + 1;
    if (size < chunkSize) continue;
    const free = res.write(chunk.join(''));
    chunk = [];
    size = 0;
    if (!free) await drained(res);
    if (res.destroyed) return;
  }
  chunk.push(']}');
  res.end(chunk.join(''));
}

function drained(res: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      res.off('drain', done);
      res.off('close', done);
      resolve();
    };
    res.once('drain', done);
    res.once('close', done);
  });
}
