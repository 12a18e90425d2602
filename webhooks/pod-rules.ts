// The API server's rules for a pod's containers (pkg/apis/core/validation). Admission refuses a wrong value here and
// names the field of our object. Otherwise the API server would refuse the child later. Pure; knows no kind.
import type { NodePorts } from '../src/api/node-ports.ts';
import { containerPortsOf, type EnvVar, type Resources, type ServicePort } from '../src/api/podspec.ts';
import { compareQuantities, isWholeNumber } from '../src/api/quantity.ts';
import { type Refusal, refuse } from '../src/api/refusals.ts';
import { own } from '../src/runtime/own-keys.ts';
import { firstOf } from './container-rules.ts';

const label = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const subdomain = new RegExp(`^${label}(\\.${label})*$`);
const qualifiedName = /^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/;

const isSubdomain = (text: string): boolean => text.length <= 253 && subdomain.test(text);

/** `prefix/name`, the prefix optional, as label and annotation keys are. */
function isQualified(text: string): boolean {
  const parts = text.split('/');
  const [prefix, name] = parts.length === 1 ? [undefined, parts[0]!] : [parts[0], parts[1]!];
  if (parts.length > 2 || (prefix !== undefined && !isSubdomain(prefix))) return false;
  return name.length <= 63 && qualifiedName.test(name);
}

/** The resources without a domain prefix that a container may request. */
const standard = ['cpu', 'memory', 'ephemeral-storage'];

/** Extended resources (`nvidia.com/gpu`): whole numbers only, and the request must equal the limit. */
const isExtended = (name: string): boolean =>
  name.includes('/') &&
  !name.includes('kubernetes.io/') &&
  !name.startsWith('requests.') &&
  isQualified(`requests.${name}`);

export function resourcesAreSound(path: string, resources: Resources | undefined): Refusal | undefined {
  const { requests = {}, limits = {} } = resources ?? {};
  for (const [list, quantities] of [
    ['requests', requests],
    ['limits', limits],
  ] as const) {
    for (const [name, quantity] of Object.entries(quantities)) {
      const field = `${path}.${list}.${name}`;
      if (standard.includes(name)) continue;
      if (!isExtended(name)) {
        const must = `must be one of ${standard.join(', ')}, or have a domain, such as nvidia.com/gpu`;
        return refuse('Invalid', `${field} ${must}`, field);
      }
      if (!isWholeNumber(quantity)) {
        return refuse('Invalid', `${field} must be a whole number, got ${quantity}`, field);
      }
      const limit = own(limits, name);
      if (limit === undefined) {
        return refuse('Invalid', `${field} must have a limit: a share of ${name} cannot be lent`, field);
      }
      const request = own(requests, name) ?? limit;
      if (compareQuantities(request, limit) === 0) continue;
      return refuse('Invalid', `${field} must be equal to the limit (${limit}), got ${request}`, field);
    }
  }
  return undefined;
}

/** The rule of Kubernetes before 1.34. Newer versions accept more names. */
export const isVariableName = (name: string): boolean =>
  name.length <= 253 && /^[-._a-zA-Z][-._a-zA-Z0-9]*$/.test(name) && name !== '.' && !name.startsWith('..');

const isDataKey = (key: string): boolean =>
  key.length <= 253 && /^[-._a-zA-Z0-9]+$/.test(key) && key !== '.' && !key.startsWith('..');

/** Checks a reference to an object, and to a key of its data if `key` is set. */
export function keyIsSound(path: string, { name, key }: { name: string; key?: string | undefined }) {
  if (!isSubdomain(name)) {
    const must = 'must be the name of an object: lower-case letters, digits, - and .';
    return refuse('Invalid', `${path}.name ${must}, got ${JSON.stringify(name)}`, `${path}.name`);
  }
  if (key === undefined || isDataKey(key)) return undefined;
  const must = 'must be a key: letters, digits, -, _ and .';
  return refuse('Invalid', `${path}.key ${must}, got ${JSON.stringify(key)}`, `${path}.key`);
}

const podFields = [
  ...['metadata.name', 'metadata.namespace', 'metadata.uid', 'spec.nodeName', 'spec.serviceAccountName'],
  ...['status.hostIP', 'status.hostIPs', 'status.podIP', 'status.podIPs'],
];

function isPodField(path: string): boolean {
  if (podFields.includes(path)) return true;
  const [, list, key = ''] = /^metadata\.(labels|annotations)\['([^']*)'\]$/.exec(path) ?? [];
  if (list === undefined) return false;
  return isQualified(list === 'annotations' ? key.toLowerCase() : key);
}

/** Checks one variable by itself. */
function variableIsSound(path: string, { name, valueFrom }: EnvVar): Refusal | undefined {
  if (!isVariableName(name)) {
    const must = 'must be the name of an environment variable';
    return refuse('Invalid', `${path}.name ${must}, got ${JSON.stringify(name)}`, `${path}.name`);
  }
  const { configMapKeyRef, secretKeyRef, fieldRef } = valueFrom ?? {};
  if (configMapKeyRef) return keyIsSound(`${path}.valueFrom.configMapKeyRef`, configMapKeyRef);
  if (secretKeyRef) return keyIsSound(`${path}.valueFrom.secretKeyRef`, secretKeyRef);
  if (!fieldRef) return undefined;
  const at = `${path}.valueFrom.fieldRef`;
  if (fieldRef.apiVersion && fieldRef.apiVersion !== 'v1') {
    const field = `${at}.apiVersion`;
    return refuse('Invalid', `${field} must be v1, got ${JSON.stringify(fieldRef.apiVersion)}`, field);
  }
  if (isPodField(fieldRef.fieldPath)) return undefined;
  const must = `must be one of ${podFields.join(', ')}, metadata.labels['KEY'] or metadata.annotations['KEY']`;
  const field = `${at}.fieldPath`;
  return refuse('Invalid', `${field} ${must}, got ${JSON.stringify(fieldRef.fieldPath)}`, field);
}

/** A name of a container port must stand for one number and one protocol. */
export function targetsAreClear(
  path: string,
  ports: readonly ServicePort[] | undefined,
): Refusal | undefined {
  const { conflict } = containerPortsOf(ports);
  if (!conflict) return undefined;
  const { index, already, got } = conflict;
  const field = `${path}.${index}.targetPort`;
  return refuse('Invalid', `${field} must mean one container port: ${already} already, got ${got}`, field);
}

/** The port must be in kube-apiserver's --service-node-port-range. With 0 the cluster chooses one. */
export function nodePortIsServed(
  path: string,
  nodePort: number | undefined,
  { first, last }: NodePorts,
): Refusal | undefined {
  if (!nodePort || (nodePort >= first && nodePort <= last)) return undefined;
  const must = `must be 0 or from ${first} to ${last} (serve --node-ports)`;
  return refuse('Invalid', `${path} ${must}, got ${nodePort}`, path);
}

/** The first refusal among the variables. */
export const firstVariable = (path: string, env: readonly EnvVar[] = []): Refusal | undefined =>
  firstOf([...env.entries()], ([index, variable]) => variableIsSound(`${path}.${index}`, variable));
