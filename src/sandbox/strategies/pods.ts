// Pod templates: defaults that depend on other fields, and validation with kube-apiserver's texts. Pure.

import { own } from '../../runtime/own-keys.ts';
import { type FieldError, field } from '../status.ts';
import { asList, asNumber, asObj, asString, type Item, isObj, type Obj } from '../types.ts';
import { checkFormat, checkLabels, formats } from './names.ts';

const containerLists = ['initContainers', 'containers', 'ephemeralContainers'] as const;

export function fillInPodSpec(spec: Obj): void {
  if (spec.serviceAccountName !== undefined && spec.serviceAccount === undefined)
    spec.serviceAccount = spec.serviceAccountName;
  if (spec.serviceAccount !== undefined && spec.serviceAccountName === undefined)
    spec.serviceAccountName = spec.serviceAccount;
  for (const list of containerLists) for (const container of asList(spec[list])) fillInContainer(container);
  for (const volume of asList(spec.volumes)) {
    if (Object.keys(volume).length === 1 && volume.name !== undefined) volume.emptyDir = {};
  }
}

function fillInContainer(container: Obj): void {
  const image = asString(container.image);
  if (image && container.imagePullPolicy === undefined) {
    const tag = /:([^:/@]+)(@.*)?$/.exec(image)?.[1];
    const isPinned = image.includes('@') || (tag !== undefined && tag !== 'latest');
    container.imagePullPolicy = isPinned ? 'IfNotPresent' : 'Always';
  }
  const resources = asObj(container.resources);
  if (isObj(resources.limits)) {
    const requests = asObj(resources.requests);
    resources.requests = { ...resources.limits, ...requests };
  }
}

/** An error when the value is present and not allowed. */
const checkChoice = (path: string, value: unknown, allowed: readonly string[]): FieldError[] =>
  value === undefined || allowed.includes(asString(value))
    ? []
    : [field.unsupported(path, value, [...allowed].sort())];

export function checkPort(path: string, port: unknown): FieldError[] {
  if (typeof port !== 'number') return [];
  return port >= 1 && port <= 65535
    ? []
    : [field.invalid(path, port, 'must be between 1 and 65535, inclusive')];
}

export function nonNegative(path: string, value: unknown): FieldError[] {
  return typeof value === 'number' && value < 0
    ? [field.invalid(path, value, 'must be greater than or equal to 0')]
    : [];
}

/** `claims`: names of the volumes that a StatefulSet adds to its pods. */
export function checkPodSpec(spec: unknown, path: string, claims: readonly string[] = []): FieldError[] {
  if (!isObj(spec)) return [];
  const volumes = checkVolumes(spec, path);
  const names = new Set([...claims, ...asList(spec.volumes).map((volume) => asString(volume.name))]);
  const seen = new Set<string>();
  const errors = [...volumes];
  if (!Array.isArray(spec.containers) || spec.containers.length === 0)
    errors.push(field.required(`${path}.containers`));
  for (const list of ['initContainers', 'containers'] as const) {
    asList(spec[list]).forEach((container, i) => {
      const at = `${path}.${list}[${i}]`;
      const name = asString(container.name);
      if (seen.has(name) && name) errors.push(field.duplicate(`${at}.name`, name));
      seen.add(name);
      errors.push(...checkContainer(container, at, names));
    });
  }
  errors.push(...checkChoice(`${path}.restartPolicy`, spec.restartPolicy, ['Always', 'OnFailure', 'Never']));
  errors.push(
    ...checkChoice(`${path}.dnsPolicy`, spec.dnsPolicy, [
      'ClusterFirst',
      'ClusterFirstWithHostNet',
      'Default',
      'None',
    ]),
  );
  if (spec.serviceAccountName)
    errors.push(
      ...checkFormat(formats.subdomain, `${path}.serviceAccountName`, asString(spec.serviceAccountName)),
    );
  if (spec.nodeName)
    errors.push(...checkFormat(formats.subdomain, `${path}.nodeName`, asString(spec.nodeName)));
  errors.push(...checkTolerations(spec, path));
  if (spec.nodeSelector) errors.push(...checkLabels(spec.nodeSelector, `${path}.nodeSelector`));
  return errors;
}

function checkTolerations(spec: Obj, path: string): FieldError[] {
  return asList(spec.tolerations).flatMap((toleration, i) => {
    const at = `${path}.tolerations[${i}]`;
    const { operator, key, value, effect, tolerationSeconds } = toleration;
    const errors: FieldError[] = [];
    if (!key && operator !== 'Exists')
      errors.push(
        field.invalid(
          `${at}.operator`,
          operator ?? '',
          'operator must be Exists when `key` is empty, which means "match all values and all keys"',
        ),
      );
    if (tolerationSeconds !== undefined && effect !== 'NoExecute')
      errors.push(
        field.invalid(
          `${at}.effect`,
          effect ?? '',
          "effect must be 'NoExecute' when `tolerationSeconds` is set",
        ),
      );
    if (operator === 'Exists' && value)
      errors.push(field.invalid(`${at}.operator`, value, "value must be empty when `operator` is 'Exists'"));
    return errors;
  });
}

function checkVolumes(spec: Obj, path: string): FieldError[] {
  const seen = new Set<string>();
  return asList(spec.volumes).flatMap((volume, i) => {
    const at = `${path}.volumes[${i}]`;
    const name = asString(volume.name);
    const errors = name ? checkFormat(formats.label, `${at}.name`, name) : [];
    if (name && seen.has(name)) errors.push(field.duplicate(`${at}.name`, name));
    seen.add(name);
    const sources = Object.keys(volume).filter((key) => key !== 'name');
    if (sources.length > 1)
      errors.push(field.forbidden(`${at}.${sources[1]}`, 'may not specify more than 1 volume type'));
    return errors;
  });
}

function checkContainer(container: Obj, path: string, volumes: ReadonlySet<string>): FieldError[] {
  const errors: FieldError[] = [];
  if (container.name) errors.push(...checkFormat(formats.label, `${path}.name`, asString(container.name)));
  const image = asString(container.image);
  if (!image) errors.push(field.required(`${path}.image`));
  else if (image.trim() !== image)
    errors.push(field.invalid(`${path}.image`, image, 'must not have leading or trailing whitespace'));
  errors.push(
    ...checkChoice(`${path}.imagePullPolicy`, container.imagePullPolicy, ['Always', 'IfNotPresent', 'Never']),
  );
  errors.push(...checkPorts(container, path), ...checkEnv(container, path));
  asList(container.volumeMounts).forEach((mount, i) => {
    const at = `${path}.volumeMounts[${i}]`;
    const name = asString(mount.name);
    if (name && !volumes.has(name)) errors.push(field.notFound(`${at}.name`, name));
  });
  errors.push(...checkResources(asObj(container.resources), `${path}.resources`));
  for (const probe of ['livenessProbe', 'readinessProbe', 'startupProbe']) {
    if (isObj(container[probe])) errors.push(...checkProbe(container[probe], `${path}.${probe}`));
  }
  return errors;
}

function checkPorts(container: Obj, path: string): FieldError[] {
  const names = new Set<string>();
  return asList(container.ports).flatMap((port, i) => {
    const at = `${path}.ports[${i}]`;
    const errors =
      port.containerPort === 0
        ? [field.required(`${at}.containerPort`)]
        : checkPort(`${at}.containerPort`, port.containerPort);
    const name = asString(port.name);
    if (name) errors.push(...checkFormat(formats.portName, `${at}.name`, name));
    if (name && names.has(name)) errors.push(field.duplicate(`${at}.name`, name));
    names.add(name);
    errors.push(...checkChoice(`${at}.protocol`, port.protocol, ['SCTP', 'TCP', 'UDP']));
    if (port.hostPort) errors.push(...checkPort(`${at}.hostPort`, port.hostPort));
    return errors;
  });
}

function checkEnv(container: Obj, path: string): FieldError[] {
  return asList(container.env).flatMap((env, i) => {
    const at = `${path}.env[${i}]`;
    const errors = env.name ? checkFormat(formats.envName, `${at}.name`, asString(env.name)) : [];
    if (env.value && env.valueFrom)
      errors.push(field.invalid(`${at}.valueFrom`, '', 'may not be specified when `value` is not empty'));
    if (isObj(env.valueFrom) && Object.keys(env.valueFrom).length === 0)
      errors.push(
        field.invalid(
          `${at}.valueFrom`,
          '',
          'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`',
        ),
      );
    return errors;
  });
}

const suffixes: Record<string, number> = {
  '': 1,
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

/** A quantity as a number, exact enough to compare two of them. */
function quantityValue(text: string): number {
  const match = /^([+-]?[\d.]+)([eE][+-]?\d+|[a-zA-Z]*)$/.exec(text);
  if (!match) return Number.NaN;
  const suffix = match[2] ?? '';
  return /^[eE][+-]?\d/.test(suffix)
    ? Number(text)
    : Number(match[1]) * (own(suffixes, suffix) ?? Number.NaN);
}

function checkResources(resources: Obj, path: string): FieldError[] {
  const limits = asObj(resources.limits);
  const requests = asObj(resources.requests);
  const errors: FieldError[] = [];
  for (const [list, values] of Object.entries({ limits, requests })) {
    for (const [name, value] of Object.entries(values)) {
      if (quantityValue(asString(value)) < 0)
        errors.push(field.invalid(`${path}.${list}[${name}]`, value, 'must be greater than or equal to 0'));
    }
  }
  for (const [name, value] of Object.entries(requests)) {
    const limit = own(limits, name);
    if (typeof limit === 'string' && quantityValue(asString(value)) > quantityValue(limit))
      errors.push(
        field.invalid(`${path}.requests`, value, `must be less than or equal to ${name} limit of ${limit}`),
      );
  }
  return errors;
}

const probeHandlers = ['exec', 'httpGet', 'tcpSocket', 'grpc'];

function checkProbe(probe: Obj, path: string): FieldError[] {
  const given = probeHandlers.filter((name) => probe[name] !== undefined);
  const errors: FieldError[] = [];
  if (given.length === 0) errors.push(field.required(path, 'must specify a handler type'));
  for (const extra of given.slice(1))
    errors.push(field.forbidden(`${path}.${extra}`, 'may not specify more than 1 handler type'));
  for (const name of [
    'initialDelaySeconds',
    'timeoutSeconds',
    'periodSeconds',
    'successThreshold',
    'failureThreshold',
  ])
    errors.push(...nonNegative(`${path}.${name}`, probe[name]));
  for (const name of ['httpGet', 'tcpSocket'])
    errors.push(...checkPort(`${path}.${name}.port`, asObj(probe[name]).port));
  if (path.endsWith('livenessProbe') && probe.successThreshold !== undefined && probe.successThreshold !== 1)
    errors.push(field.invalid(`${path}.successThreshold`, probe.successThreshold, 'must be 1'));
  return errors;
}

export function fillInPod(item: Item): void {
  const spec = asObj(item.spec);
  fillInPodSpec(spec);
  if (spec.enableServiceLinks === undefined) spec.enableServiceLinks = true;
  item.spec = spec;
}

/** Fills in a new pod as Kubernetes' admission plugins do: service account, priority, tolerations, status. */
export function preparePod(item: Item): void {
  const spec = asObj(item.spec);
  if (!spec.serviceAccountName) {
    spec.serviceAccountName = 'default';
    spec.serviceAccount = 'default';
  }
  // Kubernetes takes any negative period as 1.
  if (asNumber(spec.terminationGracePeriodSeconds) < 0) spec.terminationGracePeriodSeconds = 1;
  spec.preemptionPolicy ??= 'PreemptLowerPriority';
  spec.priority ??= 0;
  if (spec.tolerations === undefined) {
    spec.tolerations = ['not-ready', 'unreachable'].map((taint) => ({
      key: `node.kubernetes.io/${taint}`,
      operator: 'Exists',
      effect: 'NoExecute',
      tolerationSeconds: 300,
    }));
  }
  item.status = { phase: 'Pending', qosClass: qosClass(spec) };
}

function qosClass(spec: Obj): string {
  const all = containerLists
    .flatMap((list) => asList(spec[list]))
    .map((container) => asObj(container.resources));
  if (all.every((r) => !isObj(r.limits) && !isObj(r.requests))) return 'BestEffort';
  const guaranteed = all.every((r) =>
    ['cpu', 'memory'].every(
      (name) => asObj(r.limits)[name] !== undefined && asObj(r.limits)[name] === asObj(r.requests)[name],
    ),
  );
  return guaranteed ? 'Guaranteed' : 'Burstable';
}
