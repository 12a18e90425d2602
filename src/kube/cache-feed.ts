// A cache is filled by one reflector, or by one for each namespace that is followed. This is what such a reflector sees of
// the cache, and what the cache knows about how far it is.
import type { WatchEvent } from './client.ts';
import type { KubeObject } from './objects.ts';

/** What one reflector keeps up to date: the whole cache, or what it has of one namespace. */
export interface CacheFeed<T extends KubeObject> {
  readonly synced: Promise<void>;
  readonly isSynced: boolean;
  readonly newest: number;
  apply(event: WatchEvent<T>): void;
  replaceAll(items: T[], listResourceVersion: string, seenBefore?: number): void;
}

/** How far one reflector has delivered everything. */
export class Share {
  frontier = 0;
  /** The greatest resourceVersion that was ever seen of it. */
  newest = 0;
  /** The next list replaces everything. */
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

/** The namespace by which an object counts. */
export const placeOf = ({ metadata }: KubeObject): string => metadata.namespace ?? metadata.name;
