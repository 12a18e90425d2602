// Pieces of PromQL that dashboards and alert rules share. Pure text; which metrics there are is checked by a test.

/** Every replica exports it, and nothing else does: how our own processes are known among all that are scraped. */
export const identity = 'leader_election_master_status{name="spikegate"}';

/**
 * Only what our replicas export: names like workqueue_depth and process_cpu_seconds_total are exported by every
 * operator in a cluster.
 */
export const ours = (vector: string): string => `(${vector} and on (job, instance) ${identity})`;

/** How fast a counter of ours grows. */
export const rate = (counter: string, window: string): string => ours(`rate(${counter}[${window}])`);

/** Stock is told by every replica: the greatest of them, never their sum. */
export const stock = (level: string, matchers = ''): string =>
  `max by (namespace, goods) (spikegate_stock_${level}${matchers && `{${matchers}}`})`;

/** A quantile of a histogram of ours, by the given labels. */
export const quantile = (
  q: number,
  histogram: string,
  window: string,
  by: readonly string[] = [],
): string => {
  const [name, matchers = ''] = histogram.split('{');
  const buckets = `${name}_bucket${matchers && `{${matchers}`}`;
  return `histogram_quantile(${q}, sum by (${['le', ...by].join(', ')}) (${rate(buckets, window)}))`;
};

/** Path of the webhook that lets orders in. */
export const orderWebhook = '/validate-myapp-spike-com-v1-spikeorder';
