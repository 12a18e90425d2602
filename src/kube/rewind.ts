// What a restore of etcd from a backup changed for one cache.
import type { KubeObject } from './objects.ts';

/** What a cache found when it received a list that contradicts its contents. */
export interface Rewind {
  /** The newest resourceVersion that the cache had seen, and the resourceVersion of the list. */
  from: number;
  to: number;
  /** Objects that the list does not have any more, as the cache had them. */
  lost: readonly KubeObject[];
  /** Objects that the list has at an older version, as the list has them. */
  older: readonly KubeObject[];
  /** Objects that had been deleted and are in the list again. */
  returned: readonly KubeObject[];
}
