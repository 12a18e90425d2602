// What a restore of etcd from a backup changed for one cache.
import type { KubeObject } from './objects.ts';

/** What a cache found when it received a list that contradicts its contents. */
export interface Rewind {
  /** The newest resourceVersion that the cache had seen. */
  from: number;
  /** The resourceVersion of the list. */
  to: number;
  /** Objects of the cache that are missing from the list, as the cache had them. */
  lost: readonly KubeObject[];
  /** Objects that the list has at an older version, as the list has them. */
  older: readonly KubeObject[];
  /** Objects that had been deleted and are in the list again. */
  returned: readonly KubeObject[];
}
