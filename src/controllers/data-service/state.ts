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
  /** The components that it waits for. Only while it is not created yet. */
  waitsFor?: Component[] | undefined;
  /** The last check of a component outside the cluster. Undefined before the first. */
  check?: CheckResult | undefined;
  trouble?: { reason: string; message: string } | undefined;
}

export interface Judgement {
  verdict: Verdict;
  fields: Omit<DataServiceStatus, 'conditions' | 'observedGeneration'>;
  conditions: ConditionUpdate[];
}

/** `lacking`: credentials whose Secret, or the key in it, does not exist. */
export function judge(
  states: readonly ComponentState[],
  outcome: Pick<Outcome, 'trouble'>,
  lacking: Credentials | undefined,
): Judgement {
  const unready = states.filter(({ isReady }) => !isReady);
  const troubled = states.find(({ trouble }) => trouble);
  const count = `${states.length - unready.length}/${states.length}`;
  const [first] = unready;
  const verdict: Verdict = {
    isReady: unready.length === 0 && !outcome.trouble && !lacking,
    isProgressing: unready.length > 0,
    reason: first ? 'ComponentsNotReady' : 'ComponentsReady',
    message: first
      ? `${count} components are ready; ${first.name}: ${messageOf(first)}`
      : `${count} components are ready`,
    trouble:
      outcome.trouble ??
      (lacking ? missingPassword(lacking) : undefined) ??
      (troubled?.trouble
        ? { reason: troubled.trouble.reason, message: `${troubled.name}: ${troubled.trouble.message}` }
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
  return { name, state: stateOf(state), ready, wanted, ...(isReady ? {} : { message: messageOf(state) }) };
}

function stateOf({ isReady, waitsFor, trouble, check }: ComponentState): ComponentStatus['state'] {
  if (isReady) return 'Ready';
  if (waitsFor) return 'Waiting';
  return trouble || check ? 'Failed' : 'Progressing';
}

function messageOf({ ready, wanted, isReady, waitsFor, trouble, check }: ComponentState): string {
  if (check) return check.message;
  if (waitsFor) return `waiting for ${waitsFor.join(', ')}`;
  if (trouble) return trouble.message;
  if (isReady && wanted === 0) return 'usable';
  return `${ready} of ${wanted} pods are ready`;
}

/** The condition type of a component, such as `ApiManagerReady` for api-manager. */
const conditionTypeOf = (name: Component): string =>
  `${name
    .split('-')
    .map((word) => `${word[0]!.toUpperCase()}${word.slice(1)}`)
    .join('')}Ready`;

function conditionOf(state: ComponentState): ConditionUpdate {
  const type = conditionTypeOf(state.name);
  if (state.isReady) return { type, status: 'True', reason: 'Ready', message: messageOf(state) };
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
    message: messageOf(state),
  };
}
