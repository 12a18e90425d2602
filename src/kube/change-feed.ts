// Delivers changes of a cache to its handlers. Does not know how a change came about.

import type { KubeObject } from './objects.ts';

export interface Change<T extends KubeObject> {
  type: 'added' | 'updated' | 'deleted';
  /** The new object; for 'deleted' the last known one. */
  object: T;
  /** The object in the cache before ('updated' and 'deleted'). */
  old?: T;
  /** Where the change comes from. Changes from a list get a low priority in the queue. */
  source: Source;
}

export type Source = 'list' | 'watch' | 'observe';

/**
 * Whether a change concerns more than the status; writes of the status are mostly our own. False for a deletion.
 */
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

/** Collects changes, then delivers them one by one. All handlers see a change before the next one. */
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

  /** A handler may write to the cache. That change waits until all handlers have seen the present one. */
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
