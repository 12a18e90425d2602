// The shape of a manifest, and the labels that every one of ours has. Knows no kind.
import { stringify } from 'yaml';

export interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: {
    name: string;
    namespace?: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
  };
  [field: string]: unknown;
}

export const partOfSpikegate = { 'app.kubernetes.io/part-of': 'spikegate' };

/** Documents one after the other; no anchors, which other readers of YAML may not know. */
export function toYaml(manifests: readonly unknown[]): string {
  return manifests
    .map((manifest) => stringify(manifest, { lineWidth: 0, aliasDuplicateObjects: false }))
    .join('---\n');
}
