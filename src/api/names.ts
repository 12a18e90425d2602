// Names by which Spikegate is known in a cluster.

export const fieldManager = 'spikegate';

/** On what others refer to: it goes only once nobody does. */
export const inUseFinalizer = 'spikegate.io/in-use';

export const partOfLabels = {
  'app.kubernetes.io/name': 'spikegate',
  'app.kubernetes.io/part-of': 'spikegate',
  'app.kubernetes.io/managed-by': 'spikegate',
};
