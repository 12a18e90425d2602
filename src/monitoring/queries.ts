// PromQL that dashboards and alert rules share. Pure text; a test checks that the metrics exist.

/** Only our replicas export this series with this name, so it identifies our processes. */
export const identity = 'leader_election_master_status{name="spikegate"}';

/**
 * Restricts a vector to our replicas. Every operator in a cluster exports names such as workqueue_depth and
 * process_cpu_seconds_total.
 */
export const ours = (vector: string): string => `(${vector} and on (job, instance) ${identity})`;

/** Rate of a counter, from our replicas only. */
export const rate = (counter: string, window: string): string => ours(`rate(${counter}[${window}])`);

/** Every replica exports the same stock: take the maximum, never the sum. */
export const stock = (level: string, matchers = ''): string =>
  `max by (namespace, goods) (spikegate_stock_${level}${matchers && `{${matchers}}`})`;

/** A quantile of a histogram, from our replicas only, grouped by the given labels. */
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

/** Path of the webhook that admits orders. */
export const orderWebhook = '/validate-myapp-spike-com-v1-spikeorder';
