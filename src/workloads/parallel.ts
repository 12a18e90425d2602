// Runs several calls at once, up to a limit. Does not know what they do.

/** Runs `work` for each item, at most `limit` at a time. `work` must handle its own errors. */
export async function atOnce<T>(
  limit: number,
  items: readonly T[],
  work: (item: T) => Promise<void>,
): Promise<void> {
  const queue = [...items];
  const worker = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker));
}

/**
 * Makes `count` calls in batches of 1, 2, 4, … up to `limit`. A batch with a failure is the last one: a quota that
 * refuses one call would refuse all others too.
 */
export async function growing(count: number, limit: number, work: () => Promise<void>): Promise<void> {
  for (let left = count, size = 1; left > 0; size = Math.min(limit, size * 2)) {
    const batch = Math.min(size, left);
    left -= batch;
    const results = await Promise.allSettled(Array.from({ length: batch }, work));
    if (results.some(({ status }) => status === 'rejected')) return;
  }
}
