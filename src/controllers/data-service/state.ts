// Computes the status of a DataService from the states of its components. Pure.
import type { ConditionUpdate } from '../../api/conditions.ts';
import type { Component, ComponentStatus, DataServiceStatus } from '../../api/data-service.ts';
import type { Outcome } from '../../workloads/outcome.ts';
import { phaseOf, summaryOf, type Verdict } from '../../workloads/status.ts';
import type { CheckResult } from './checks.ts';
import type { Credentials } from './credentials.ts';

export interface ComponentState {
  name: Component;
  ready: number;
  wanted: number;
  isReady: boolean;
  /** It is not made yet, and waits for these. */
  waitsFor?: Component[] | undefined;
  /** For a component outside the cluster. Undefined before its first check. */
  check?: CheckResult | undefined;
  trouble?: { reason: string; message: string } | undefined;
}

export interface Judgement {
  verdict: Verdict;
  fields: Omit<DataServiceStatus, 'conditions' | 'observedGeneration'>;
  conditions: ConditionUpdate[];
}

/** `lacking`: credentials whose Secret, or its key, does not exist. */
export function judge(
  states: readonly ComponentState[],
  outcome: Pick<Outcome, 'trouble'>,
  lacking: Credentials | undefined,
): Judgement {
  const open = states.filter(({ isReady }) => !isReady);
  const sick = states.find(({ trouble }) => trouble);
  const count = `${states.length - open.length}/${states.length}`;
  const [first] = open;
  const verdict: Verdict = {
    isReady: open.length === 0 && !outcome.trouble && !lacking,
    isProgressing: open.length > 0,
    reason: first ? 'ComponentsNotReady' : 'ComponentsReady',
    message: first
      ? `${count} components are ready; ${first.name}: ${say(first)}`
      : `${count} components are ready`,
    trouble:
      outcome.trouble ??
      (lacking ? missingPassword(lacking) : undefined) ??
      (sick?.trouble
        ? { reason: sick.trouble.reason, message: `${sick.name}: ${sick.trouble.message}` }
        : undefined),
  };
  const hasBegun = states.some(({ ready, isReady }) => ready > 0 || isReady);
  const phase = !hasBegun && first && !verdict.trouble ? 'Pending' : phaseOf(verdict);
  return {
    verdict,
    fields: {
      phase,
      message: verdict.trouble?.message ?? verdict.message,
      ready: count,
      components: states.map(statusOf),
    },
    conditions: [...summaryOf(verdict), ...states.map(conditionOf)],
  };
}

function missingPassword({ component, secret }: Credentials): { reason: string; message: string } {
  const message = `${component}: Secret ${secret?.name} with the key ${secret?.key} is not there`;
  return { reason: 'SecretNotFound', message };
}

function statusOf(state: ComponentState): ComponentStatus {
  const { name, ready, wanted, isReady } = state;
  return { name, state: stateOf(state), ready, wanted, ...(isReady ? {} : { message: say(state) }) };
}

function stateOf({ isReady, waitsFor, trouble, check }: ComponentState): ComponentStatus['state'] {
  if (isReady) return 'Ready';
  if (waitsFor) return 'Waiting';
  return trouble || check ? 'Failed' : 'Progressing';
}

function say({ ready, wanted, isReady, waitsFor, trouble, check }: ComponentState): string {
  if (check) return check.message;
  if (waitsFor) return `waiting for ${waitsFor.join(', ')}`;
  if (trouble) return trouble.message;
  if (isReady && wanted === 0) return 'usable';
  return `${ready} of ${wanted} pods are ready`;
}

/** `ApiManagerReady`: the condition type of a component. */
const conditionTypeOf = (name: Component): string =>
  `${name
    .split('-')
    .map((word) => `${word[0]!.toUpperCase()}${word.slice(1)}`)
    .join('')}Ready`;

function conditionOf(state: ComponentState): ConditionUpdate {
  const type = conditionTypeOf(state.name);
  if (state.isReady) return { type, status: 'True', reason: 'Ready', message: say(state) };
  const reasons = {
    Waiting: 'WaitingForOthers',
    Failed: 'CheckFailed',
    Progressing: 'PodsNotReady',
    Ready: 'Ready',
  };
  return {
    type,
    status: 'False',
    reason: state.trouble?.reason ?? reasons[stateOf(state)],
    message: say(state),
  };
}
