// Delivers changes of a cache to its handlers.

import type { KubeObject } from './objects.ts';

export interface Change<T extends KubeObject> {
  type: 'added' | 'updated' | 'deleted';
  /** The new object; for 'deleted' the last known one. */
  object: T;
  /** The object in the cache before ('updated' and 'deleted'). */
  old?: T;
  /**
   * Where the change comes from: a list, a watch, or `observe`, the answer to a request of this process. Changes from a
   * list get a low priority in the queue.
   */
  source: Source;
}

export type Source = 'list' | 'watch' | 'observe';

/** False for a deletion, and for a change of the status only: reconcilers need not react to their own status writes. */
export function changesSpec<T extends KubeObject>({ type, object, old }: Change<T>): boolean {
  if (type !== 'updated' || !old) return type === 'added';
  return (
    object.metadata.uid !== old.metadata.uid ||
    object.metadata.generation !== old.metadata.generation ||
    object.metadata.deletionTimestamp !== old.metadata.deletionTimestamp ||
    object.metadata.finalizers?.length !== old.metadata.finalizers?.length
  );
}

export type ChangeHandler<T extends KubeObject> = (change: Change<T>) => void;

/** Collects changes, then delivers them one by one: each change goes to all handlers before the next change. */
export class ChangeFeed<T extends KubeObject> {
  readonly #handlers = new Set<ChangeHandler<T>>();
  readonly #onError: ((error: unknown) => void) | undefined;
  #waiting: Change<T>[] = [];
  #dispatching = false;

  constructor(onError?: (error: unknown) => void) {
    this.#onError = onError;
  }

  on(handler: ChangeHandler<T>): () => void {
    this.#handlers.add(handler);
    return () => {
      this.#handlers.delete(handler);
    };
  }

  push(change: Change<T>): void {
    this.#waiting.push(change);
  }

  /** A handler may change the cache. That change is delivered after the changes that are already waiting. */
  dispatch(): void {
    if (this.#dispatching) return;
    this.#dispatching = true;
    while (this.#waiting.length > 0) {
      const changes = this.#waiting;
      this.#waiting = [];
      for (const change of changes) for (const handler of this.#handlers) this.#call(handler, change);
    }
    this.#dispatching = false;
  }

  #call(handler: ChangeHandler<T>, change: Change<T>): void {
    try {
      handler(change);
    } catch (error) {
      this.#onError?.(error);
    }
  }
}
