// Deployments, ReplicaSets, StatefulSets and DaemonSets: selectors, templates and immutable fields. Pure.

import type { Strategy } from '../resources.ts';
import { matchesLabels, parseLabelSelector } from '../selectors.ts';
import { type FieldError, field } from '../status.ts';
import { asList, asNumber, asObj, asString, equal, type Item, isObj, type Obj, put } from '../types.ts';
import { checkLabels } from './names.ts';
import { checkPodSpec, fillInPodSpec, nonNegative } from './pods.ts';

const immutable = 'field is immutable';

export function checkSelector(selector: unknown, path: string): FieldError[] {
  if (!isObj(selector)) return [];
  const errors = checkLabels(selector.matchLabels, `${path}.matchLabels`);
  asList(selector.matchExpressions).forEach((expression, i) => {
    const at = `${path}.matchExpressions[${i}]`;
    const operator = asString(expression.operator);
    const values = Array.isArray(expression.values) ? expression.values.length : 0;
    if (operator === 'In' || operator === 'NotIn') {
      if (values === 0)
        errors.push(field.required(`${at}.values`, "must be specified when `operator` is 'In' or 'NotIn'"));
    } else if (operator === 'Exists' || operator === 'DoesNotExist') {
      if (values > 0)
        errors.push(
          field.forbidden(
            `${at}.values`,
            "may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
          ),
        );
    } else errors.push(field.invalid(`${at}.operator`, operator, 'not a valid selector operator'));
  });
  return errors;
}

function checkTemplate(spec: Obj): FieldError[] {
  const selector = spec.selector;
  const template = asObj(spec.template);
  const labels = asObj(asObj(template.metadata).labels) as Record<string, string>;
  const errors = checkSelector(selector, 'spec.selector');
  const given = asObj(selector);
  const empty = Object.keys(asObj(given.matchLabels)).length + asList(given.matchExpressions).length === 0;
  if (isObj(selector) && empty)
    errors.push(field.invalid('spec.selector', selector, 'empty selector is invalid for deployment'));
  else if (isObj(selector) && errors.length === 0 && !matchesLabels(parseLabelSelector(selector), labels))
    errors.push(
      field.invalid('spec.template.metadata.labels', labels, '`selector` does not match template `labels`'),
    );
  const claims = asList(spec.volumeClaimTemplates).map((it) => asString(asObj(it.metadata).name));
  errors.push(
    ...checkLabels(labels, 'spec.template.labels'),
    ...checkPodSpec(template.spec, 'spec.template.spec', claims),
  );
  const policy = asObj(template.spec).restartPolicy;
  if (policy !== undefined && policy !== 'Always')
    errors.push(field.unsupported('spec.template.spec.restartPolicy', policy, ['Always']));
  return errors;
}

const counts = ['replicas', 'minReadySeconds', 'revisionHistoryLimit', 'progressDeadlineSeconds'];

function validate(item: Item): FieldError[] {
  const spec = asObj(item.spec);
  return [...counts.flatMap((name) => nonNegative(`spec.${name}`, spec[name])), ...checkTemplate(spec)];
}

/** A rollout must be allowed to replace a pod, and its deadline must be long enough for a pod to become available. */
function checkRollout(spec: Obj): FieldError[] {
  const { maxSurge, maxUnavailable } = asObj(asObj(spec.strategy).rollingUpdate);
  const isZero = (limit: unknown) => limit === 0 || limit === '0%';
  const errors: FieldError[] = [];
  if (isZero(maxSurge) && isZero(maxUnavailable))
    errors.push(
      field.invalid(
        'spec.strategy.rollingUpdate.maxUnavailable',
        maxUnavailable,
        'may not be 0 when `maxSurge` is 0',
      ),
    );
  const deadline = spec.progressDeadlineSeconds;
  if (typeof deadline === 'number' && deadline <= asNumber(spec.minReadySeconds))
    errors.push(
      field.invalid('spec.progressDeadlineSeconds', deadline, 'must be greater than minReadySeconds'),
    );
  return errors;
}

const fillInTemplate = (item: Item) => {
  const spec = asObj(asObj(asObj(item.spec).template).spec);
  fillInPodSpec(spec);
};

const selectorUnchanged = (item: Item, old: Item): FieldError[] => {
  const [now, before] = [asObj(item.spec).selector, asObj(old.spec).selector];
  return equal(now, before) ? [] : [field.invalid('spec.selector', now, immutable)];
};

const mutableOfStatefulSet = new Set([
  'replicas',
  'ordinals',
  'template',
  'updateStrategy',
  'revisionHistoryLimit',
  'persistentVolumeClaimRetentionPolicy',
  'minReadySeconds',
]);

/**
 * Checks the counts of a status: none may be negative, and no part may be greater than its whole
 * (ValidateDeploymentStatus). Takes pairs of part and whole.
 */
const checkCounts =
  (...parts: readonly [string, string][]) =>
  (item: Item): FieldError[] => {
    const status = asObj(item.status);
    const count = (name: string) => asNumber(status[name]);
    const names = ['replicas', ...parts.map(([part]) => part)];
    return [
      ...names.flatMap((name) => nonNegative(`status.${name}`, status[name])),
      ...parts
        .filter(([part, whole]) => count(part) > count(whole))
        .map(([part, whole]) =>
          field.invalid(`status.${part}`, count(part), `cannot be greater than status.${whole}`),
        ),
    ];
  };

export const workloadStrategies: Record<string, Strategy> = {
  Deployment: {
    fillIn(item) {
      fillInTemplate(item);
      const strategy = asObj(asObj(item.spec).strategy);
      if (strategy.type === 'RollingUpdate' && !strategy.rollingUpdate)
        put(item, 'spec.strategy.rollingUpdate', { maxUnavailable: '25%', maxSurge: '25%' });
    },
    // Only for Deployments: a write to /status may not change labels (apps/deployment/strategy.go).
    prepareStatus({ metadata }, old) {
      if (old.metadata.labels) metadata.labels = old.metadata.labels;
      else delete metadata.labels;
    },
    validate(item) {
      const strategy = asObj(asObj(item.spec).strategy);
      const errors = validate(item);
      if (strategy.type !== 'RollingUpdate' && strategy.type !== 'Recreate')
        errors.push(field.unsupported('spec.strategy', strategy.type, ['Recreate', 'RollingUpdate']));
      if (strategy.type === 'Recreate' && strategy.rollingUpdate)
        errors.push(
          field.forbidden(
            'spec.strategy.rollingUpdate',
            "may not be specified when strategy `type` is 'Recreate'",
          ),
        );
      errors.push(...checkRollout(asObj(item.spec)));
      return errors;
    },
    validateUpdate: selectorUnchanged,
    validateStatus: checkCounts(
      ['updatedReplicas', 'replicas'],
      ['readyReplicas', 'replicas'],
      ['availableReplicas', 'replicas'],
      ['availableReplicas', 'readyReplicas'],
    ),
  },
  ReplicaSet: { fillIn: fillInTemplate, validate, validateUpdate: selectorUnchanged },
  StatefulSet: {
    fillIn(item) {
      fillInTemplate(item);
      const update = asObj(asObj(item.spec).updateStrategy);
      if (update.type === 'RollingUpdate' && !update.rollingUpdate) update.rollingUpdate = {};
      if (isObj(update.rollingUpdate)) {
        update.rollingUpdate.partition ??= 0;
        update.rollingUpdate.maxUnavailable ??= 1;
      }
      for (const claim of asList(asObj(item.spec).volumeClaimTemplates)) {
        claim.apiVersion ??= 'v1';
        claim.kind ??= 'PersistentVolumeClaim';
        claim.status ??= { phase: 'Pending' };
      }
    },
    validate,
    validateUpdate(item, old) {
      const [now, before] = [asObj(item.spec), asObj(old.spec)];
      const changed = Object.keys({ ...now, ...before }).some(
        (name) => !mutableOfStatefulSet.has(name) && !equal(now[name], before[name]),
      );
      return changed
        ? [
            field.forbidden(
              'spec',
              "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
            ),
          ]
        : [];
    },
  },
  DaemonSet: {
    fillIn(item) {
      fillInTemplate(item);
      const update = asObj(asObj(item.spec).updateStrategy);
      if (update.type === 'RollingUpdate' && !update.rollingUpdate)
        update.rollingUpdate = { maxUnavailable: 1, maxSurge: 0 };
    },
    validate,
    validateUpdate: selectorUnchanged,
  },
};
