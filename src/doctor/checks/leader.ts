// Checks the leader: that there is one, that its clock is right, and that the goods carry no foreign term. Without a
// leader, orders are admitted and then nothing happens to them.
import { parseTime } from '../../api/sale.ts';
import type { Check, Finding } from '../findings.ts';
import { type Observation, valueIn } from '../observation.ts';
import { lookAtPods } from '../remedies.ts';
import { addressOf } from '../serving.ts';
import { firstEntry } from '../webhook-entries.ts';

export const leaderIsAlive: Check = {
  name: 'somebody leads',
  run(seen) {
    // `leaseMoves`: the lease changed between two reads, so a leader is alive.
    const { lease, leaseMoves, expected } = seen;
    const name = `${expected.namespace}/${expected.lease}`;
    const where = `lease/${name}`;
    if ('unreadable' in lease) return [{ unchecked: `${where}: ${lease.unreadable}` }];
    const finding = (what: string): Finding[] => [
      { severity: 'error', reason: 'NoLeader', where, what, remedy: lookAtPods(seen) },
    ];
    if ('missing' in lease) {
      const entry = firstEntry(seen);
      // Outside a cluster, a single server may lead without a lease. Then there is nothing to check.
      if (entry && addressOf(entry)?.isUrl) {
        return [{ unchecked: `${where} is not there; a server that runs with --no-leader-elect has none` }];
      }
      return finding('it is not there: no replica has ever led');
    }
    const { holderIdentity, renewTime } = lease.value.spec;
    // A lease that changes and has no holder is changing hands.
    if (!holderIdentity) return leaseMoves ? [] : finding('nobody holds it');
    if (leaseMoves || !hasRunOut(seen)) return [];
    return finding(`${holderIdentity} held it last, and has not renewed it since ${renewTime ?? 'ever'}`);
  },
};

/**
 * Whether the lease looks expired by the times in it. Another machine's clock wrote them, so this is no proof: the
 * doctor then reads the lease a second time (observe.ts).
 */
export function hasRunOut({ lease, now }: Pick<Observation, 'lease' | 'now'>): boolean {
  const { renewTime, leaseDurationSeconds = 15, holderIdentity } = valueIn(lease)?.spec ?? {};
  if (!holderIdentity || !renewTime) return true;
  return now > Date.parse(renewTime) + leaseDurationSeconds * 1000;
}

/**
 * A larger clock difference of the leader's machine is reported. The ledger uses the API server's clock, but
 * that machine's certificates, logs and tokens do not.
 */
const maxOffMs = 5000;

export const leaderClockIsRight: Check = {
  name: "the clock of the leader's machine is the API server's",
  run(seen) {
    const lease = valueIn(seen.lease);
    const { renewTime, holderIdentity } = lease?.spec ?? {};
    // The API server dates each write itself, in whole seconds.
    const written = newest((lease?.metadata.managedFields ?? []).map(({ time }) => time));
    if (!holderIdentity || !renewTime || written === undefined) return [];
    const offMs = Date.parse(renewTime) - written;
    // NaN, from a renewTime that does not parse, is not reported.
    if (!(Math.abs(offMs) > maxOffMs)) return [];
    const { namespace, lease: name } = seen.expected;
    return [
      {
        severity: 'warning',
        reason: 'ClockWrong',
        where: `lease/${namespace}/${name} spec.renewTime`,
        what: `the clock of ${holderIdentity} is ${Math.round(Math.abs(offMs) / 1000)} s ${offMs < 0 ? 'behind' : 'ahead of'} the API server's`,
        remedy: `kubectl -n ${namespace} get pods -o wide   # find its node, and set up NTP there (chronyc tracking)`,
      },
    ];
  },
};

export const termsAreKnown: Check = {
  name: 'no goods carry the term of a leader that the lease never gave',
  run(seen) {
    // Each new leader stores its term in leaseTransitions, and terms grow. So this is the greatest one.
    const given = valueIn(seen.lease)?.spec.leaseTransitions;
    if (given === undefined) return [];
    return (valueIn(seen.goods) ?? []).flatMap(({ status, metadata }): Finding[] => {
      const term = status?.ledgerEpoch ?? 0;
      if (term <= given) return [];
      const { namespace, name } = metadata;
      return [
        {
          severity: 'warning',
          reason: 'TermUnknown',
          where: `spikegoods/${namespace}/${name} status.ledgerEpoch`,
          what: `it is ${term}, and the lease has given ${given} at the most: somebody else wrote it, and the leader has not taken it back yet`,
          remedy: `kubectl -n ${namespace} get spikegoods ${name} -o yaml --show-managed-fields   # who writes its status? then: ${lookAtPods(seen)}`,
        },
      ];
    });
  },
};

const newest = (times: readonly (string | undefined)[]): number | undefined =>
  times
    .map((time) => parseTime(time))
    .reduce((a, b) => (a === undefined || (b !== undefined && b > a) ? b : a), undefined);
