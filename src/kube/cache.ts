// What this process knows of one kind: objects by key and uid, with named indexes. Fed by a reflector and by
// the answers to our own writes. Knows neither the API server nor any kind; never mutates an object.

import type { KubeObject } from './objects.ts';

export interface Change<T extends KubeObject> {
  type: 'added' | 'updated' | 'deleted';
  /** The object as it is now; for 'deleted' as it was last seen. */
  object: T;
  /** What the cache held before ('updated' and 'deleted'). */
  old?: T;
  /** A list is worth a low priority in the queue; a watch event or our own write is news. */
  source: 'list' | 'watch' | 'observe';
}

export type ChangeHandler<T extends KubeObject> = (change: Change<T>) => void;

export interface ObjectCacheOptions {
  /** Freeze every object deeply on entry: tests only, it costs more than the cache itself. */
  freeze?: boolean;
  /** An exception of a handler or of an index function; the cache and the other handlers go on. */
  onHandlerError?(error: unknown): void;
}

export interface ObjectCache<T extends KubeObject> {
  readonly size: number;
  readonly isSynced: boolean;
  /** Resolves when the first list has been taken in and its handlers have run. */
  readonly synced: Promise<void>;
  get(key: string): T | undefined;
  getByUid(uid: string): T | undefined;
  list(): T[];
  keys(): IterableIterator<string>;
  addIndex(name: string, values: (object: T) => string[]): void;
  byIndex(name: string, value: string): T[];
  /** Objects under `value`, in O(1). */
  countByIndex(name: string, value: string): number;
  /** Takes in the answer to a write of our own; true when it was news. */
  observe(object: T): boolean;
  /** Returns the function that takes the handler off again. */
  onChange(handler: ChangeHandler<T>): () => void;
}
