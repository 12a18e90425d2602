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

/** The labels of every manifest. */
export const partOfSpikegate = { 'app.kubernetes.io/part-of': 'spikegate' };

/**
 * One YAML text with a document for each manifest. Without anchors, because some YAML readers do not support them.
 */
export function toYaml(manifests: readonly unknown[]): string {
  return manifests
    .map((manifest) => stringify(manifest, { lineWidth: 0, aliasDuplicateObjects: false }))
    .join('---\n');
}
