// The rules of each built-in type that its schema cannot express, by the name of the type. Types that are not in the
// table have only their schema. Pure.

import { own, setOwn } from '../../runtime/own-keys.ts';
import { crdStrategy } from '../crd/strategy.ts';
import type { Strategy } from '../resources.ts';
import { type FieldError, field } from '../status.ts';
import { asList, asNumber, asObj, asString, equal, type Item, isObj, type Obj } from '../types.ts';
import { checkSelector, workloadStrategies } from './apps.ts';
import { checkFormat, formats } from './names.ts';
import { admitPod, graceOfPod } from './pod-admission.ts';
import { checkPodSpec, fillInPod, preparePod } from './pods.ts';
import { serviceStrategy } from './services.ts';
import { webhookStrategy } from './webhooks.ts';

const frozen = 'field is immutable when `immutable` is set';
const dataLimit = 1024 * 1024;

function checkData(item: Item): FieldError[] {
  let size = 0;
  const errors: FieldError[] = [];
  for (const name of ['data', 'binaryData', 'stringData']) {
    for (const [key, value] of Object.entries(asObj(item[name]))) {
      errors.push(...checkFormat(formats.configKey, `${name}[${key}]`, key));
      size += asString(value).length;
    }
  }
  return size > dataLimit ? [...errors, field.tooLong('[]', dataLimit)] : errors;
}

/** The required keys by the type of a Secret. kubernetes.io/basic-auth is not here: it needs one key of two. */
const neededKeys: Record<string, string[]> = {
  'kubernetes.io/tls': ['tls.crt', 'tls.key'],
  'kubernetes.io/ssh-auth': ['ssh-privatekey'],
  'kubernetes.io/dockercfg': ['.dockercfg'],
  'kubernetes.io/dockerconfigjson': ['.dockerconfigjson'],
};

function checkSecretType(item: Item): FieldError[] {
  const data = asObj(item.data);
  const type = asString(item.type);
  if (type === 'kubernetes.io/basic-auth' && data.username === undefined && data.password === undefined)
    return ['username', 'password'].map((key) => field.required(`data[${key}]`));
  const missing = (own(neededKeys, type) ?? []).filter((key) => data[key] === undefined);
  return missing.map((key) => field.required(`data[${key}]`));
}

function immutableData(item: Item, old: Item): FieldError[] {
  if (old.immutable !== true) return [];
  const errors: FieldError[] = [];
  if (item.immutable !== true) errors.push(field.forbidden('immutable', frozen));
  for (const name of ['data', 'binaryData'])
    if (!equal(item[name] ?? {}, old[name] ?? {})) errors.push(field.forbidden(name, frozen));
  return errors;
}

function encodeStringData(item: Item): void {
  const given = item.stringData;
  delete item.stringData;
  if (!isObj(given)) return;
  const data = asObj(item.data);
  for (const [key, value] of Object.entries(given))
    setOwn(data, key, Buffer.from(asString(value)).toString('base64'));
  item.data = data;
}

const mutablePodFields = [
  'activeDeadlineSeconds',
  'terminationGracePeriodSeconds',
  'tolerations',
  'schedulingGates',
  'ephemeralContainers',
];

/** The part of a pod's spec that an update must not change. */
function fixedPodSpec(item: Item): Obj {
  const spec = { ...asObj(item.spec) };
  for (const name of mutablePodFields) delete spec[name];
  for (const list of ['containers', 'initContainers']) {
    if (spec[list]) spec[list] = asList(spec[list]).map(({ image: _, ...rest }) => rest);
  }
  return spec;
}

const roleRefUnchanged = (item: Item, old: Item): FieldError[] =>
  equal(item.roleRef, old.roleRef) ? [] : [field.invalid('roleRef', item.roleRef, 'field is immutable')];

const addRoleGroup = (item: Item) => {
  const ref = asObj(item.roleRef);
  ref.apiGroup ??= 'rbac.authorization.k8s.io';
  for (const subject of asList(item.subjects))
    if (subject.kind !== 'ServiceAccount') subject.apiGroup ??= 'rbac.authorization.k8s.io';
};

const binding: Strategy = { fillIn: addRoleGroup, validateUpdate: roleRefUnchanged };

const hpa: Strategy = {
  validate(item) {
    const spec = asObj(item.spec);
    const [min, max] = [asNumber(spec.minReplicas, 1), asNumber(spec.maxReplicas)];
    const errors: FieldError[] = [];
    const { apiVersion } = asObj(spec.scaleTargetRef);
    if (!apiVersion)
      errors.push(field.invalid('spec.scaleTargetRef.apiVersion', '', 'apiVersion must specify API group'));
    if (min < 1) errors.push(field.invalid('spec.minReplicas', min, 'must be greater than or equal to 1'));
    if (max < 1) errors.push(field.invalid('spec.maxReplicas', max, 'must be greater than 0'));
    else if (max < min)
      errors.push(field.invalid('spec.maxReplicas', max, 'must be greater than or equal to `minReplicas`'));
    return errors;
  },
};

const claimSpecUnchanged = (item: Item, old: Item): FieldError[] => {
  const fixed = ({ resources: _, volumeName: __, volumeAttributesClassName: ___, ...rest }: Obj) => rest;
  return equal(fixed(asObj(item.spec)), fixed(asObj(old.spec)))
    ? []
    : [
        field.forbidden(
          'spec',
          'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims',
        ),
      ];
};

export const strategies: Record<string, Strategy> = {
  ...workloadStrategies,
  Service: serviceStrategy,
  CustomResourceDefinition: crdStrategy,
  MutatingWebhookConfiguration: webhookStrategy,
  ValidatingWebhookConfiguration: webhookStrategy,
  Namespace: {
    isNamespace: true,
    undeletable: new Set(['default', 'kube-system', 'kube-public']),
    prepareCreate(item) {
      item.status = { phase: 'Active' };
      item.spec = { ...asObj(item.spec), finalizers: ['kubernetes'] };
    },
    prepareUpdate(item, old) {
      item.spec = old.spec;
    },
    fillIn(item) {
      if (item.metadata.name)
        item.metadata.labels = { ...item.metadata.labels, 'kubernetes.io/metadata.name': item.metadata.name };
    },
  },
  Pod: {
    fillIn: fillInPod,
    admit: admitPod,
    graceSeconds: graceOfPod,
    prepareCreate: preparePod,
    validate: (item) => checkPodSpec(item.spec, 'spec'),
    validateUpdate: (item, old) =>
      equal(fixedPodSpec(item), fixedPodSpec(old))
        ? []
        : [
            field.forbidden(
              'spec',
              'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)',
            ),
          ],
  },
  ConfigMap: { validate: checkData, validateUpdate: immutableData },
  Secret: {
    fillIn: encodeStringData,
    validate: (item) => [...checkData(item), ...checkSecretType(item)],
    validateUpdate: (item, old) => [
      ...(item.type === old.type ? [] : [field.invalid('type', item.type, 'field is immutable')]),
      ...immutableData(item, old),
    ],
  },
  PersistentVolumeClaim: {
    prepareCreate(item) {
      item.status = { phase: 'Pending' };
    },
    validate(item) {
      const spec = asObj(item.spec);
      const errors: FieldError[] = [];
      if (!Array.isArray(spec.accessModes) || spec.accessModes.length === 0)
        errors.push(field.required('spec.accessModes', 'at least 1 access mode is required'));
      if (asObj(asObj(spec.resources).requests).storage === undefined)
        errors.push(field.required('spec.resources[storage]'));
      return errors;
    },
    validateUpdate: claimSpecUnchanged,
  },
  Ingress: {
    validate({ spec }) {
      const { defaultBackend, rules } = asObj(spec);
      if (isObj(defaultBackend) || (Array.isArray(rules) && rules.length > 0)) return [];
      const missing = 'either `defaultBackend` or `rules` must be specified';
      return [field.invalid('spec', spec ?? {}, missing)];
    },
  },
  PersistentVolume: {
    prepareCreate(item) {
      item.status = { phase: 'Pending' };
    },
    validate(item) {
      const spec = asObj(item.spec);
      const errors: FieldError[] = [];
      if (!Array.isArray(spec.accessModes) || spec.accessModes.length === 0)
        errors.push(field.required('spec.accessModes'));
      if (!isObj(spec.capacity)) errors.push(field.required('spec.capacity'));
      return errors;
    },
  },
  HorizontalPodAutoscaler: hpa,
  V2HorizontalPodAutoscaler: {
    ...hpa,
    fillIn(item) {
      const spec = asObj(item.spec);
      if (!Array.isArray(spec.metrics) || spec.metrics.length === 0)
        spec.metrics = [
          {
            type: 'Resource',
            resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } },
          },
        ];
    },
  },
  PodDisruptionBudget: {
    validate(item) {
      const spec = asObj(item.spec);
      const both = spec.minAvailable !== undefined && spec.maxUnavailable !== undefined;
      return [
        ...(both ? [field.invalid('spec', spec, 'minAvailable and maxUnavailable cannot be both set')] : []),
        ...checkSelector(spec.selector, 'spec.selector'),
      ];
    },
  },
  RoleBinding: binding,
  ClusterRoleBinding: binding,
  Lease: {
    validate(item) {
      const spec = asObj(item.spec);
      const errors: FieldError[] = [];
      const duration = spec.leaseDurationSeconds;
      if (typeof duration === 'number' && duration <= 0)
        errors.push(field.invalid('spec.leaseDurationSeconds', duration, 'must be greater than 0'));
      const transitions = spec.leaseTransitions;
      if (typeof transitions === 'number' && transitions < 0)
        errors.push(
          field.invalid('spec.leaseTransitions', transitions, 'must be greater than or equal to 0'),
        );
      return errors;
    },
  },
  Event: {
    validate(item) {
      const involved = asString(asObj(item.involvedObject).namespace);
      const namespace = item.metadata.namespace ?? '';
      // Events about cluster-scoped objects are in `default`.
      const fits = involved === namespace || (involved === '' && namespace === 'default');
      return fits
        ? []
        : [field.invalid('involvedObject.namespace', involved, 'does not match event.namespace')];
    },
  },
};

/** The format of an object's name, by kind. The default is a DNS subdomain. */
export const nameFormats: Record<string, (typeof formats)[keyof typeof formats] | undefined> = {
  Namespace: formats.label,
  Service: formats.label,
  Role: formats.segment,
  RoleBinding: formats.segment,
  ClusterRole: formats.segment,
  ClusterRoleBinding: formats.segment,
};
