// Finds namespaces whose deletion our finalizers block, and namespaces with a sale that the webhooks skip.
import { inUseFinalizer } from '../../api/names.ts';
import { parseTime } from '../../api/sale.ts';
import type { Check, Finding } from '../findings.ts';
import { type StuckObject, valueIn } from '../observation.ts';

export const namespacesCanGo: Check = {
  name: 'no namespace waits for our finalizers',
  run(seen) {
    const { namespaces, stuck, now, expected } = seen;
    if ('unreadable' in namespaces) return [{ unchecked: `namespaces: ${namespaces.unreadable}` }];
    const overdue = (valueIn(namespaces) ?? []).filter(
      ({ metadata }) =>
        (parseTime(metadata.deletionTimestamp) ?? Number.POSITIVE_INFINITY) + expected.grace < now,
    );
    if (overdue.length > 0 && 'unreadable' in stuck) {
      return [{ unchecked: `objects in namespaces that are going: ${stuck.unreadable}` }];
    }
    return overdue.flatMap(({ metadata }): Finding[] => {
      const objects = (valueIn(stuck) ?? []).filter(({ namespace }) => namespace === metadata.name);
      const [first] = objects;
      if (!first) return [];
      const names = objects.slice(0, 3).map(({ plural, name }) => `${plural}/${name}`);
      const more = objects.length > 3 ? ` and ${objects.length - 3} more` : '';
      return [
        {
          severity: 'error',
          reason: 'NamespaceStuck',
          where: `namespace/${metadata.name}`,
          what: `it is being deleted since ${metadata.deletionTimestamp} and waits for ${inUseFinalizer} on ${names.join(', ')}${more}`,
          remedy: objects.slice(0, 3).map(releaseCommand).join('; '),
        },
      ];
    });
  },
};

/** A command that removes our finalizer and keeps the others. */
function releaseCommand({ plural, group, namespace, name, finalizers }: StuckObject): string {
  const others = JSON.stringify(finalizers.filter((it) => it !== inUseFinalizer));
  return `kubectl -n ${namespace} patch ${plural}.${group} ${name} --type=merge -p '{"metadata":{"finalizers":${others}}}'`;
}

/** The webhook configurations skip a namespace with this label. */
const exempt = 'spikegate.io/exempt';

export const salesAreGuarded: Check = {
  name: 'no namespace with a sale in it is exempt from the rules',
  run({ namespaces, goods }) {
    // namespacesCanGo already reports it when the namespaces cannot be read.
    if ('unreadable' in goods) return [{ unchecked: `goods: ${goods.unreadable}` }];
    const selling = new Set((valueIn(goods) ?? []).map(({ metadata }) => metadata.namespace));
    const unguarded = (valueIn(namespaces) ?? []).filter(
      ({ metadata }) => metadata.labels?.[exempt] !== undefined && selling.has(metadata.name),
    );
    return unguarded.map(
      ({ metadata: { name } }): Finding => ({
        severity: 'warning',
        reason: 'NamespaceExempt',
        where: `namespace/${name}`,
        what: `it has goods, and its label ${exempt} keeps the webhooks away: orders there are not checked`,
        remedy: `kubectl label namespace ${name} ${exempt}-`,
      }),
    );
  },
};
