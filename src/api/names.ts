// The names by which Spikegate is known in a cluster.

export const fieldManager = 'spikegate';

/** Protects an object to which others refer. The leader removes it when nothing refers to the object any more. */
export const inUseFinalizer = 'spikegate.io/in-use';

export const partOfLabels = {
  'app.kubernetes.io/name': 'spikegate',
  'app.kubernetes.io/part-of': 'spikegate',
  'app.kubernetes.io/managed-by': 'spikegate',
};
