// WATCH: sends every commit to its watchers, in order. Serialises each event once for all of them. Disconnects a
// watcher that does not keep up. That client lists again, as on any cluster.

import type { ServerResponse } from 'node:http';
import type { Cancel, Clock } from '../../runtime/clock.ts';
import { apiVersionOf } from '../resources.ts';
import { type ApiError, tooOld } from '../status.ts';
import { type Entry, parse, type StoreChange } from '../store/entry.ts';
import type { Store } from '../store/store.ts';
import { selects } from './list.ts';
import type { Selection } from './query.ts';
import { single, type View } from './shape.ts';

/** Maximum number of bytes that wait for a slow watcher. */
const backlogLimit = 32 * 1024 * 1024;
const bookmarkEveryMs = 60_000;

export interface WatchRequest {
  view: View;
  namespace: string;
  selection: Selection;
  rv: number | undefined;
  bookmarks: boolean;
  /** Start with the existing objects, and mark their end with a bookmark (watch-list). Undefined: not requested. */
  initialEvents: boolean | undefined;
  timeoutMs: number;
}

interface Watcher extends WatchRequest {
  res: ServerResponse;
  /** Watchers with the same key get the same bytes. */
  formatKey: string;
  /** Events up to this version have been sent. */
  sentVersion: number;
  cancelTimeout: Cancel;
}

export class WatchHub {
  readonly #watchers = new Map<string, Set<Watcher>>();
  readonly #store: Store;
  readonly #clock: Clock;
  #stopBookmarks: Cancel = () => {};
  #closed = false;

  constructor(store: Store, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
    store.onCommit((changes) => this.#dispatch(changes));
    this.#scheduleBookmarks();
  }

  get size(): number {
    let n = 0;
    for (const set of this.#watchers.values()) n += set.size;
    return n;
  }

  close(): void {
    this.#closed = true;
    this.#stopBookmarks();
    for (const set of this.#watchers.values()) for (const watcher of [...set]) this.#finish(watcher);
  }

  start(res: ServerResponse, request: WatchRequest): void {
    // Make waiting writes durable first: a watcher must not see what a crash could still undo.
    this.#store.settle();
    res.writeHead(200, {
      'content-type': 'application/json',
      'cache-control': 'no-cache, private',
      'transfer-encoding': 'chunked',
    });
    const { rv } = request;
    if (rv !== undefined && rv > 0 && rv < this.#store.oldest) {
      res.end(errorLine(tooOld(rv, this.#store.oldest)));
      return;
    }
    const { view, namespace, selection } = request;
    const { accept, include } = view;
    const formatKey = JSON.stringify([
      view.type.version,
      view.type.group,
      accept.shape,
      accept.metaVersion,
      include,
      namespace,
      selection,
    ]);
    const watcher: Watcher = { ...request, res, formatKey, sentVersion: rv ?? 0, cancelTimeout: () => {} };
    this.#begin(watcher);
    this.#follow(watcher);
    watcher.cancelTimeout = this.#clock.after(request.timeoutMs, () => this.#finish(watcher));
    res.on('close', () => this.#forget(watcher));
  }

  #follow(watcher: Watcher): void {
    const { table } = watcher.view.type;
    let set = this.#watchers.get(table);
    if (!set) {
      set = new Set();
      this.#watchers.set(table, set);
    }
    set.add(watcher);
  }

  /** Sends the changes since the watcher's version, or all objects when it gave none. */
  #begin(watcher: Watcher): void {
    const table = this.#store.table(watcher.view.type.table);
    const { rv } = watcher;
    const lines: string[] = [];
    const fromNow = rv === undefined || rv === 0 || watcher.initialEvents;
    if (fromNow && watcher.initialEvents !== false) {
      for (const entry of table.entries({ namespace: watcher.namespace, after: '' }))
        if (selects(watcher.view, watcher.selection, entry))
          lines.push(line('ADDED', single(watcher.view, entry)));
    } else if (!fromNow) {
      for (const change of table.since(rv)) {
        const text = this.#lineFor(watcher, change);
        if (text) lines.push(text);
      }
    }
    watcher.sentVersion = Math.max(this.#store.version, rv ?? 0);
    if (watcher.initialEvents && watcher.bookmarks) lines.push(this.#bookmark(watcher, true));
    if (lines.length > 0) watcher.res.write(lines.join(''));
    else watcher.res.flushHeaders();
  }

  #dispatch(changes: readonly StoreChange[]): void {
    const byTable = new Map<string, StoreChange[]>();
    for (const change of changes) {
      const list = byTable.get(change.entry.table);
      if (list) list.push(change);
      else byTable.set(change.entry.table, [change]);
    }
    for (const [table, list] of byTable) {
      const watchers = this.#watchers.get(table);
      if (!watchers || watchers.size === 0) continue;
      const sharedBytes = new Map<string, Buffer | undefined>();
      for (const watcher of watchers) this.#sendTo(watcher, list, sharedBytes);
    }
  }

  #sendTo(
    watcher: Watcher,
    changes: readonly StoreChange[],
    sharedBytes: Map<string, Buffer | undefined>,
  ): void {
    // Only watchers that need all of the changes can share their bytes.
    const needsAll = (changes[0] as StoreChange).entry.rv > watcher.sentVersion;
    let bytes: Buffer | undefined;
    if (needsAll && sharedBytes.has(watcher.formatKey)) bytes = sharedBytes.get(watcher.formatKey);
    else {
      const lines = changes
        .filter((change) => change.entry.rv > watcher.sentVersion)
        .map((change) => this.#lineFor(watcher, change));
      const text = lines.join('');
      bytes = text === '' ? undefined : Buffer.from(text);
      if (needsAll) sharedBytes.set(watcher.formatKey, bytes);
    }
    watcher.sentVersion = Math.max(watcher.sentVersion, (changes.at(-1) as StoreChange).entry.rv);
    if (!bytes) return;
    watcher.res.write(bytes);
    if (watcher.res.writableLength > backlogLimit) watcher.res.destroy();
  }

  /** The line of a change for this watcher. '' when the change does not concern it. */
  #lineFor({ view, namespace, selection }: WatchRequest, { type, entry, prev }: StoreChange): string {
    if (namespace && entry.namespace !== namespace) return '';
    const now = type !== 'DELETED' && selects(view, selection, entry);
    const before = prev !== undefined && selects(view, selection, prev);
    if (now) return line(before ? 'MODIFIED' : 'ADDED', single(view, entry));
    if (!before) return '';
    if (type === 'DELETED') return line('DELETED', single(view, entry));
    // The object left the selection: send its last selected state with the version of the change.
    return line('DELETED', single(view, restamped(prev, entry.rv)));
  }

  #bookmark(watcher: Watcher, initial: boolean): string {
    const { type } = watcher.view;
    const annotations = initial ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {};
    const metadata = {
      resourceVersion: String(this.#store.version),
      creationTimestamp: null,
      ...annotations,
    };
    return line('BOOKMARK', JSON.stringify({ kind: type.kind, apiVersion: apiVersionOf(type), metadata }));
  }

  #scheduleBookmarks(): void {
    this.#stopBookmarks = this.#clock.after(bookmarkEveryMs, () => {
      this.#store.settle();
      for (const set of this.#watchers.values())
        for (const watcher of set) if (watcher.bookmarks) watcher.res.write(this.#bookmark(watcher, false));
      if (!this.#closed) this.#scheduleBookmarks();
    });
  }

  #finish(watcher: Watcher): void {
    this.#forget(watcher);
    watcher.res.end(watcher.bookmarks && !this.#closed ? this.#bookmark(watcher, false) : undefined);
  }

  #forget(watcher: Watcher): void {
    watcher.cancelTimeout();
    this.#watchers.get(watcher.view.type.table)?.delete(watcher);
  }
}

function restamped(entry: Entry, rv: number): Entry {
  const item = parse(entry);
  item.metadata.resourceVersion = String(rv);
  return { ...entry, rv, json: JSON.stringify(item) };
}

const line = (type: string, object: string) => `{"type":"${type}","object":${object}}\n`;
const errorLine = (error: ApiError) => line('ERROR', JSON.stringify(error.status));
