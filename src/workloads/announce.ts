// Turns what happens to a workload into events for people: once when it happens, not at every reconcile.
import type { KubeObject } from '../kube/objects.ts';
import type { Outcome } from './outcome.ts';
import { phaseOf, type Verdict } from './status.ts';
import type { Recorder } from './workload.ts';

interface WithPhase extends KubeObject {
  status?: { phase?: string | undefined } | undefined;
}

export function announce(recorder: Recorder, object: WithPhase, outcome: Outcome, verdict: Verdict): void {
  for (const { what, kind, name } of outcome.effects) {
    const verb = { created: 'Created', updated: 'Updated', deleted: 'Deleted' }[what];
    recorder.event(object, 'Normal', `${verb}Child`, `${what} ${kind} ${name}`);
  }
  const phase = phaseOf(verdict);
  if (phase === object.status?.phase) return;
  if (verdict.trouble) recorder.event(object, 'Warning', verdict.trouble.reason, verdict.trouble.message);
  else if (phase === 'Ready') recorder.event(object, 'Normal', 'Ready', verdict.message);
}
