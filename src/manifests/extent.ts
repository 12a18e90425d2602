// What an installation serves in a cluster: which kinds, in which namespaces.
import { allParts, type Part } from '../api/kinds.ts';

export interface Extent {
  /** Groups of kinds: the sale, the workloads (api/kinds.ts). */
  parts: readonly Part[];
  /** Empty: all namespaces. */
  namespaces: readonly string[];
}

export const everything: Extent = { parts: allParts, namespaces: [] };
