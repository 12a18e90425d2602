// The matchConditions of webhooks: CEL expressions that decide whether a request is sent to a webhook. Knows one
// webhook and one request, and not the webhook's answer. Supports neither `authorizer` nor Kubernetes' own CEL
// libraries.
import { Environment } from '@marcbachmann/cel-js';
import { asList, asString, type Item, type Obj } from '../types.ts';

type Program = (variables: Record<string, unknown>) => unknown;

/** The variables of an expression, as kube-apiserver gives them. Absent fields of the request are absent here too. */
export interface Variables {
  request: Obj;
  object: Item | null;
  oldObject: Item | null;
}

const environment = new Environment({ homogeneousAggregateLiterals: false, enableOptionalTypes: true });
for (const name of ['request', 'object', 'oldObject']) environment.registerVariable(name, 'dyn');

/** Programs by expression. A cluster has few; the limit is for a configuration whose expressions keep changing. */
const compiled = new Map<string, Program>();
const maxCompiled = 256;

/** @throws Error when the expression does not compile, or its result cannot be a boolean */
export function compile(expression: string): Program {
  const known = compiled.get(expression);
  if (known) return known;
  const program = environment.parse(expression);
  const { valid, type, error } = program.check();
  if (!valid) throw error ?? new Error('it is not valid');
  if (type !== 'bool' && type !== 'dyn') throw new Error('must evaluate to bool');
  if (compiled.size >= maxCompiled) compiled.clear();
  compiled.set(expression, program as Program);
  return program as Program;
}

export type MatchOutcome = { matches: boolean } | { error: string };

/**
 * If any condition is false, the webhook is not called, even when another condition failed. If none is false and one
 * failed, the failure policy decides (kube-apiserver pkg/admission/plugin/webhook/matchconditions).
 */
export function matchConditions(webhook: Obj, variables: () => Variables): MatchOutcome {
  const conditions = asList(webhook.matchConditions);
  if (conditions.length === 0) return { matches: true };
  const given = variables();
  const errors: string[] = [];
  for (const condition of conditions) {
    const name = asString(condition.name);
    try {
      const result = compile(asString(condition.expression))({ ...given });
      if (result === false) return { matches: false };
      if (result !== true) errors.push(`cel evaluation error, expected bool, for condition: ${name}`);
    } catch (error) {
      const [line] = (error as Error).message.split('\n');
      errors.push(`expression '${asString(condition.expression)}' resulted in error: ${line}`);
    }
  }
  return errors.length === 0 ? { matches: true } : { error: errors.join(', ') };
}
