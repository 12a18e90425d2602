// How much of a cluster an installation is about: which kinds, and which namespaces.
import { allParts, type Part } from '../api/kinds.ts';

export interface Extent {
  parts: readonly Part[];
  /** Empty: all namespaces. */
  namespaces: readonly string[];
}

export const everything: Extent = { parts: allParts, namespaces: [] };
