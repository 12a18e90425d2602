// Reports that etcd was restored from a backup, and which orders the restore lost or brought back: one event for each
// goods. Pure, except for the event recorder.
import type { SpikeGoods } from '../api/spike-goods.ts';
import type { SpikeOrder } from '../api/spike-order.ts';
import type { KubeObject } from '../kube/objects.ts';
import type { Rewind } from '../kube/rewind.ts';
import type { Catalogue } from '../ledger/catalogue.ts';
import type { Recorder } from './leading.ts';

/** Maximum number of names in one message, and maximum number of goods that get an event. */
const maxNames = 5;
const maxGoods = 100;

/** Describes in one sentence what the restore changed in the objects of one kind. */
export function describeRewind(kind: string, { from, to, lost, older, returned }: Rewind): string {
  const parts = [
    counted(lost, 'is gone', 'are gone'),
    counted(older, 'is back in an earlier state', 'are back in an earlier state'),
    counted(returned, 'that was deleted is there again', 'that were deleted are there again'),
  ].filter((part) => part !== undefined);
  const found = parts.length > 0 ? parts.join('; ') : 'nothing of it is lost';
  return `etcd was restored from a backup, from revision ${from} to ${to}: ${kind}: ${found}`;
}

function counted(objects: readonly KubeObject[], one: string, many: string): string | undefined {
  if (objects.length === 0) return undefined;
  const names = objects.slice(0, maxNames).map(({ metadata }) => metadata.name);
  const more = objects.length > maxNames ? ', …' : '';
  return `${objects.length} ${objects.length === 1 ? one : many} (${names.join(', ')}${more})`;
}

/**
 * Records an event on each goods whose orders the restore changed. Every replica calls this, because the leader may not
 * survive the restore. The last argument makes the events of all replicas one event.
 */
export function announceRestore(
  rewind: Rewind,
  { catalogue, recorder }: { catalogue: Pick<Catalogue, 'findGoods'>; recorder: Recorder },
): void {
  const byGoods = new Map<SpikeGoods, Record<'lost' | 'older' | 'returned', SpikeOrder[]>>();
  for (const what of ['lost', 'older', 'returned'] as const) {
    for (const order of rewind[what] as readonly SpikeOrder[]) {
      for (const reference of Object.keys(order.spec.goodsMap)) {
        const goods = catalogue.findGoods(order.metadata.namespace ?? '', reference);
        if (!goods) continue;
        const found = byGoods.get(goods) ?? { lost: [], older: [], returned: [] };
        byGoods.set(goods, found);
        found[what].push(order);
      }
    }
  }
  for (const [goods, orders] of [...byGoods].slice(0, maxGoods)) {
    const message = describeRewind('orders', { ...rewind, ...orders });
    const changed = Object.entries(orders).map(
      ([what, all]) => `${what} ${all.map(({ metadata }) => metadata.uid).sort()}`,
    );
    recorder.event(goods, 'Warning', 'RestoredFromBackup', message, changed.join('\n'));
  }
}
