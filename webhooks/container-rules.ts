// Rules that kinds with containers share. They refuse values with which the API server would refuse the Deployment or the
// Service, and warn of values that people would regret. A rule returns the refusal, or undefined when the value is sound.
// A warning returns its text, or undefined. Pure; knows no kind.

import type { EnvVar, Resources, ServicePort } from '../src/api/podspec.ts';
import { compareQuantities } from '../src/api/quantity.ts';
import { type Refusal, refuse } from '../src/api/refusals.ts';
import type { KubeObject } from '../src/kube/objects.ts';
import { own } from '../src/runtime/own-keys.ts';
import type { Rule } from './webhook.ts';

/** The first refusal of the list. */
export function firstOf<T>(
  items: readonly T[],
  judge: (item: T) => Refusal | undefined,
): Refusal | undefined {
  for (const item of items) {
    const refusal = judge(item);
    if (refusal) return refusal;
  }
  return undefined;
}

/** The names of Services are the object's name with a suffix, and must be DNS labels (RFC 1035). */
export function nameFits<T extends KubeObject>(longest: number): Rule<T> {
  return ({ object }) => {
    const { name } = object.metadata;
    if (name.length <= longest && /^[a-z]([-a-z0-9]*[a-z0-9])?$/.test(name)) return undefined;
    return refuse(
      'Invalid',
      `metadata.name must be a DNS label of at most ${longest} characters that begins with a letter, because Services are called after it, got ${JSON.stringify(name)}`,
      'metadata.name',
    );
  };
}

export function requestsWithinLimits(path: string, resources: Resources | undefined): Refusal | undefined {
  const { requests = {}, limits = {} } = resources ?? {};
  return firstOf(Object.entries(requests), ([name, request]) => {
    const limit = own(limits, name);
    if (limit === undefined || compareQuantities(request, limit) !== 1) return undefined;
    const field = `${path}.requests.${name}`;
    return refuse('Invalid', `${field} must be at most the limit (${limit}), got ${request}`, field);
  });
}

/** The rule of Services: when there are several ports, each needs a name, and no two names may be equal. */
export function portsAreSound(path: string, ports: readonly ServicePort[] = []): Refusal | undefined {
  const names = new Set<string>();
  const numbers = new Set<string>();
  return firstOf([...ports.entries()], ([index, { name, port, protocol = 'TCP' }]) => {
    const at = `${path}.${index}`;
    if (name === undefined) {
      if (ports.length === 1) return undefined;
      return refuse('Invalid', `${at}.name is required where there are several ports`, `${at}.name`);
    }
    if (names.has(name))
      return refuse('Invalid', `${at}.name must be unique, got ${name} again`, `${at}.name`);
    names.add(name);
    const number = `${port}/${protocol}`;
    if (numbers.has(number)) {
      return refuse(
        'Invalid',
        `${at}.port must be unique for its protocol, got ${number} again`,
        `${at}.port`,
      );
    }
    numbers.add(number);
    return undefined;
  });
}

export function environmentIsSound(path: string, env: readonly EnvVar[] = []): Refusal | undefined {
  const names = new Set<string>();
  return firstOf([...env.entries()], ([index, { name, value, valueFrom }]) => {
    const at = `${path}.${index}`;
    if (names.has(name))
      return refuse('Invalid', `${at}.name must be unique, got ${name} again`, `${at}.name`);
    names.add(name);
    if (valueFrom === undefined) return undefined;
    if (value)
      return refuse('Invalid', `${at}.valueFrom must not be set together with value`, `${at}.valueFrom`);
    if (Object.keys(valueFrom).length === 1) return undefined;
    return refuse(
      'Invalid',
      `${at}.valueFrom must have exactly one of configMapKeyRef, secretKeyRef and fieldRef`,
      `${at}.valueFrom`,
    );
  });
}

/** Warns when the image has no fixed version. */
export function hasNoVersion(path: string, image: string | undefined): string | undefined {
  if (!image || image.includes('@')) return undefined;
  const [, tag] = /:([^:/]+)$/.exec(image) ?? [];
  if (tag !== undefined && tag !== 'latest') return undefined;
  return `${path}: ${image} may be another image tomorrow; name a version`;
}

/** Warns when the request for CPU or memory is missing. */
export function lacksRequests(path: string, resources: Resources | undefined): string | undefined {
  const missing = ['cpu', 'memory'].filter((name) => own(resources?.requests, name) === undefined);
  if (missing.length === 0) return undefined;
  return `${path}.requests has no ${missing.join(' and no ')}: its pods may be put where there is no room for them`;
}

const secret = /passw(or)?d|pwd|secret|token|credential|api_?key|access_?key|private_?key/i;
const variableReference = /^\$\([A-Za-z_][A-Za-z0-9_]*\)$/;

/** Whether a variable seems to contain a secret. */
export const looksSecret = (name: string, value: string | undefined): boolean =>
  Boolean(value) &&
  secret.test(name) &&
  !/(_file|_path|_name|_url)$/i.test(name) &&
  !variableReference.test(value ?? '');

/** Warns of variables that seem to contain secrets. */
export function secretsInPlain(path: string, env: readonly EnvVar[] = []): string | undefined {
  const found = env.filter(({ name, value }) => looksSecret(name, value)).map(({ name }) => name);
  if (found.length === 0) return undefined;
  return `${path}: ${found.join(', ')} can be read by everybody who may read this object; use valueFrom.secretKeyRef`;
}
