// A cache is filled by one reflector, or by one for each namespace that is followed. This file has the interface through
// which such a reflector fills the cache, and the cache's record of how far the reflector is.
import type { WatchEvent } from './client.ts';
import type { KubeObject } from './objects.ts';

/** The part of a cache that one reflector keeps up to date: all objects, or the objects of one namespace. */
export interface CacheFeed<T extends KubeObject> {
  readonly synced: Promise<void>;
  readonly isSynced: boolean;
  /** The greatest resourceVersion that this part has seen. */
  readonly newest: number;
  apply(event: WatchEvent<T>): void;
  /** `seenBefore`: the value of `newest` when the list was requested (ObjectCache.replaceAll). */
  replaceAll(items: T[], listResourceVersion: string, seenBefore?: number): void;
}

/** The cache's record of such a part: how far its reflector is. */
export class Share {
  /** The reflector has delivered everything up to this resourceVersion. */
  frontier = 0;
  /** The greatest resourceVersion that this part has seen, from the reflector or in an answer to our own write. */
  newest = 0;
  /** The server's history went back, so the next list replaces everything. */
  isDistrusted = false;
  isSynced = false;
  readonly synced: Promise<void>;
  setSynced!: () => void;

  constructor() {
    this.synced = new Promise((resolve) => {
      this.setSynced = resolve;
    });
  }
}

/** Key of the share that is about all namespaces. No namespace has this name. */
export const everywhere = '';

/**
 * The namespace whose reflector delivers this object. An object without a namespace, such as a Namespace, counts
 * by its name.
 */
export const placeOf = ({ metadata }: KubeObject): string => metadata.namespace ?? metadata.name;
