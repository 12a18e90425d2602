// Changes on their way from a cache to its handlers. Knows nothing of how a change came about.

import type { KubeObject } from './objects.ts';

export interface Change<T extends KubeObject> {
  type: 'added' | 'updated' | 'deleted';
  /** The object as it is now; for 'deleted' as it was last seen. */
  object: T;
  /** What the cache held before ('updated' and 'deleted'). */
  old?: T;
  /** A list is worth a low priority in the queue; a watch event or our own write is news. */
  source: Source;
}

export type Source = 'list' | 'watch' | 'observe';

/** Whether a change is more than a write of the status: those are mostly our own. A deletion is none. */
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

/** Gathers changes, then hands them out one by one, each to all handlers before the next. */
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

  /** A handler may write to the cache itself: that change waits until all handlers have seen this one. */
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
