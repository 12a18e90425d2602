// Reads what replicas tell about themselves on /metrics: sums over all of them, and what a while added.

/** The sum of a metric over all its labels and all texts; 0 where there is none. */
export function metricSum(texts: readonly string[], name: string): number {
  let sum = 0;
  for (const text of texts) {
    for (const line of text.split('\n')) {
      const end = line.search(/[ {]/);
      if (line.slice(0, end) === name) sum += Number(line.slice(line.lastIndexOf(' ') + 1));
    }
  }
  return sum;
}

/** How much each named metric grew between two readings of the same replicas. */
export const growth = (before: readonly string[], after: readonly string[]) => (name: string) =>
  metricSum(after, name) - metricSum(before, name);
