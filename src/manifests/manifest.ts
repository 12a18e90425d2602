// The shape of a manifest, and the labels of all our manifests. Knows no kind.
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

/** Several documents. No anchors, which some readers of YAML do not support. */
export function toYaml(manifests: readonly unknown[]): string {
  return manifests
    .map((manifest) => stringify(manifest, { lineWidth: 0, aliasDuplicateObjects: false }))
    .join('---\n');
}
