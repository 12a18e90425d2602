// Admission of DataService. Accepts the shapes of both earlier versions (src/api/data-service.ts), and refuses values
// with which the API server would refuse a child.

import {
  type Component,
  type ComponentSpec,
  components,
  DataService,
  isMiddleware,
  kindOf,
  portsOf,
} from '../src/api/data-service.ts';
import { addressOf, builtIn, destinationAt } from '../src/api/data-service-parts.ts';
import type { Kind } from '../src/api/define-kind.ts';
import { compareQuantities, sameQuantity } from '../src/api/quantity.ts';
import { whyNotThere } from '../src/api/reach.ts';
import { type Refusal, refuse } from '../src/api/refusals.ts';
import { own } from '../src/runtime/own-keys.ts';
import {
  firstOf,
  hasNoVersion,
  lacksRequests,
  looksSecret,
  nameFits,
  requestsWithinLimits,
} from './container-rules.ts';
import { isVariableName, keyIsSound, nodePortIsServed, resourcesAreSound } from './pod-rules.ts';
import type { Call, Rule, Warning, Webhooks } from './webhook.ts';

type DataServiceRule = Rule<DataService>;
type Judge = (path: string, component: ComponentSpec, name: Component) => Refusal | undefined;
type WarningText = (path: string, component: ComponentSpec, name: Component) => string | undefined;

/**
 * Only one DataService of a namespace has children with plain names (`mysql`). The children of every other one have its
 * name and `-` in front, and a Service's name has at most 63 characters. `namesFit` checks the complete names.
 */
const longestName = 62;

const rules: DataServiceRule[] = [
  componentRule(kindFits),
  componentRule(imageIsNamed),
  componentRule(portsAreClear),
  componentRule(filesAreKnown),
  componentRule(
    (path, { resources }) =>
      requestsWithinLimits(`${path}.resources`, resources) ??
      resourcesAreSound(`${path}.resources`, resources),
  ),
  componentRule(environmentIsSound),
  componentRule(filesFit),
  componentRule(storageIsSound),
  namesFit,
  nodePortsAreUnique,
  nodePortsAreServed,
  thirdPartiesAreAllowed,
];

export const dataServiceWebhooks: Webhooks<DataService> = {
  kind: DataService as Kind,
  defaulting: 'assumed',

  /** The schema has all defaults, and the API server fills them in. */
  default: ({ object }) => object,

  rules: {
    CREATE: [nameFits(longestName), ...rules],
    UPDATE: [namesStay, volumeStays, ...rules],
    DELETE: [],
  },

  warnings: [
    componentWarning((path, { image, ...others }, name) =>
      kindOf(name, others) === 'thirdParty' ? undefined : hasNoVersion(`${path}.image`, image),
    ),
    componentWarning((path, component, name) =>
      kindOf(name, component) === 'thirdParty'
        ? undefined
        : lacksRequests(`${path}.resources`, component.resources),
    ),
    componentWarning((path, { env = {} }) => {
      const found = Object.keys(env).filter((name) => looksSecret(name, own(env, name)));
      if (found.length === 0) return undefined;
      return `${path}.env: ${found.join(', ')} can be read by everybody who may read this object; put it into a Secret`;
    }),
    componentWarning((path, { thirdParty }) =>
      thirdParty?.password
        ? `${path}.thirdParty.password can be read by everybody who may read this object; use passwordSecret`
        : undefined,
    ),
    componentWarning((path, { thirdParty }) =>
      thirdParty?.checkCMD
        ? `${path}.thirdParty.checkCMD is not run; thirdParty.check says what is checked`
        : undefined,
    ),
  ],
};

function present(object: DataService): [Component, ComponentSpec][] {
  return components.flatMap((name): [Component, ComponentSpec][] => {
    const component = object.spec[name];
    return component ? [[name, component]] : [];
  });
}

function componentRule(judge: Judge): DataServiceRule {
  return ({ object }) =>
    firstOf(present(object), ([name, component]) => judge(`spec.${name}`, component, name));
}

function componentWarning(textOf: WarningText): Warning<DataService> {
  return ({ object }) => {
    const found = present(object).flatMap(
      ([name, component]) => textOf(`spec.${name}`, component, name) ?? [],
    );
    return found.length > 0 ? found.join('; ') : undefined;
  };
}

function kindFits(path: string, component: ComponentSpec, name: Component): Refusal | undefined {
  const kind = kindOf(name, component);
  if (kind === 'thirdParty') {
    if (!isMiddleware(name)) {
      return refuse(
        'Invalid',
        `${path}.kind must not be thirdParty: it is a service of this object`,
        `${path}.kind`,
      );
    }
    const at = `${path}.thirdParty`;
    if (!component.thirdParty) return refuse('Invalid', `${at} is required where kind is thirdParty`, at);
    if (addressOf(component.thirdParty.url, builtIn[name].port)) return undefined;
    const url = JSON.stringify(component.thirdParty.url);
    return refuse('Invalid', `${at}.url must be host:port or a URL, got ${url}`, `${at}.url`);
  }
  if (component.thirdParty) {
    return refuse(
      'Invalid',
      `${path}.kind must be thirdParty (3) beside thirdParty, got ${kind}`,
      `${path}.kind`,
    );
  }
  if (name !== 'mysql') return undefined;
  if (kind === 'statefulSet') {
    const { replica = 1 } = component;
    if (replica <= 1) return undefined;
    return refuse('Invalid', `${path}.replica must be at most 1, got ${replica}`, `${path}.replica`);
  }
  return refuse(
    'Invalid',
    `${path}.kind must be statefulSet (1) or thirdParty (3), got ${kind}`,
    `${path}.kind`,
  );
}

function namesStay({ object, old }: Call<DataService>): ReturnType<DataServiceRule> {
  const path = 'spec.namePrefix';
  const before = old?.spec.namePrefix;
  if (object.spec.namePrefix === before) return undefined;
  const current = before === undefined ? 'unset' : JSON.stringify(before);
  return refuse(
    'Immutable',
    `${path} cannot change, because the names of children begin with it: it is ${current}`,
    path,
  );
}

/** Kubernetes does not allow a change of a StatefulSet's volume claims. */
function volumeStays({ object, old }: Call<DataService>): ReturnType<DataServiceRule> {
  const [before, after] = [old?.spec.mysql, object.spec.mysql];
  if (!before || !after || [before, after].some((it) => kindOf('mysql', it) === 'thirdParty'))
    return undefined;
  const { size = '10Gi', storageClassName } = before.storage ?? {};
  const wanted = after.storage ?? {};
  if (sameQuantity(size, wanted.size ?? '10Gi') && storageClassName === wanted.storageClassName)
    return undefined;
  const path = 'spec.mysql.storage';
  return refuse('Immutable', `${path} cannot change: Kubernetes does not change the claim of a volume`, path);
}

function imageIsNamed(path: string, component: ComponentSpec, name: Component): Refusal | undefined {
  if (component.image || builtIn[name].image || kindOf(name, component) === 'thirdParty') return undefined;
  return refuse('Invalid', `${path}.image is required`, `${path}.image`);
}

function portsAreClear(path: string, { port }: ComponentSpec): Refusal | undefined {
  const at = `${path}.port`;
  const ports = portsOf(port);
  if (!ports || ports.length > 16) {
    return refuse(
      'Invalid',
      `${at} must be a port (1 to 65535) or a list of at most 16, each a number or {name, port, nodePort}`,
      at,
    );
  }
  if (new Set(ports.map((it) => it.port)).size < ports.length) {
    return refuse('Invalid', `${at} must not have a port twice`, at);
  }
  const names = ports.flatMap((it) => it.name ?? []);
  if (new Set(names).size < names.length) return refuse('Invalid', `${at} must not have a name twice`, at);
  return undefined;
}

function filesAreKnown(path: string, { config = {} }: ComponentSpec, name: Component): Refusal | undefined {
  const known = builtIn[name].files;
  const unknown = Object.keys(config).find(
    (file) => !known.includes(file) && !(name === 'mysql' && isScript(file)),
  );
  if (unknown === undefined) return undefined;
  const may = known.length > 0 ? `is one of ${known.join(', ')}` : 'does not exist';
  return refuse(
    'Invalid',
    `${path}.config: a file of ${name} ${may}, got ${JSON.stringify(unknown)}`,
    `${path}.config`,
  );
}

const isScript = (file: string): boolean => /^[-._a-zA-Z0-9]{1,100}\.sql$/.test(file);

/** Checks changed URLs only. The reconciler enforces the allow list again before each request. */
function thirdPartiesAreAllowed({ object, old, context }: Call<DataService>): ReturnType<DataServiceRule> {
  return firstOf(present(object), ([name, { thirdParty }]) => {
    const address = thirdParty && addressOf(thirdParty.url, builtIn[name].port);
    if (!address || thirdParty.url === old?.spec[name]?.thirdParty?.url) return undefined;
    const wrong = urlIsSound(`spec.${name}.thirdParty`, thirdParty.url, name);
    if (wrong) return wrong;
    const why = whyNotThere(context.policy.reach.thirdParty, destinationAt(address));
    if (!why) return undefined;
    const path = `spec.${name}.thirdParty.url`;
    const where = `${address.host}:${address.port}`;
    return refuse('PlaceNotAllowed', `${path}: ${where} ${why} (serve --third-party-allow)`, path);
  });
}

const schemes = { mysql: ['tcp', 'mysql', 'mariadb'], others: ['tcp', 'http', 'https'] };

/**
 * Refuses a URL with an unknown scheme, and a URL that contains credentials: it is written to a ConfigMap, which
 * many people may read.
 */
function urlIsSound(path: string, text: string, name: Component): Refusal | undefined {
  const field = `${path}.url`;
  const bare = text.trim().replace(/^jdbc:/, '');
  const url = new URL(bare.includes('://') ? bare : `tcp://${bare}`);
  const allowed = name === 'mysql' ? schemes.mysql : schemes.others;
  const scheme = url.protocol.slice(0, -1);
  if (!allowed.includes(scheme)) {
    return refuse('Invalid', `${field} must begin with ${allowed.join('://, ')}://, got ${scheme}://`, field);
  }
  const hasSecret = [...url.searchParams.keys()].some((key) => /user|passw|pwd|secret|token|key/i.test(key));
  if (!url.username && !url.password && !hasSecret) return undefined;
  const must = `must not have credentials: ${path}.username and ${path}.passwordSecret are for them`;
  return refuse('Invalid', `${field} ${must}`, field);
}

function environmentIsSound(path: string, { env = {}, thirdParty }: ComponentSpec): Refusal | undefined {
  const at = `${path}.env`;
  const wrong = Object.keys(env).find((name) => !isVariableName(name));
  if (wrong !== undefined) {
    const must = 'must have names of environment variables';
    return refuse('Invalid', `${at} ${must}, got ${JSON.stringify(wrong)}`, at);
  }
  const { passwordSecret } = thirdParty ?? {};
  return passwordSecret && keyIsSound(`${path}.thirdParty.passwordSecret`, passwordSecret);
}

/** Maximum size of a ConfigMap. Kubernetes uses the limit of Secrets for it (validation.MaxSecretSize). */
const maxBytes = 1_048_576;
/** Longest text that may replace a placeholder: a host of about 253 characters, or a URL of the spec. */
const longestValue = 2_100;

/** Bytes for the files of the ConfigMap that the spec does not replace. */
const roomForBuiltIn = 16_384;

function filesFit(path: string, { config = {} }: ComponentSpec, name: Component): Refusal | undefined {
  const sizeOf = (text: string) =>
    Buffer.byteLength(text) + (text.match(/\{\{/g)?.length ?? 0) * longestValue;
  const isSqlFile = (file: string) => name === 'mysql' && file.endsWith('.sql');
  for (const { files } of builtIn[name].configMaps) {
    const configured = Object.keys(config).filter(
      (file) => files.includes(file) || (isSqlFile(file) && isSqlFile(files[0]!)),
    );
    const size = configured.reduce((sum, file) => sum + sizeOf(config[file]!), 0);
    if (size + roomForBuiltIn <= maxBytes) continue;
    const limit = maxBytes - roomForBuiltIn;
    const must = `must have at most ${limit} bytes in ${files.join(', ')}: one ConfigMap has them`;
    return refuse('Invalid', `${path}.config ${must}, got ${size}`, `${path}.config`);
  }
  return undefined;
}

function storageIsSound(path: string, { storage }: ComponentSpec): Refusal | undefined {
  const { size, storageClassName } = storage ?? {};
  if (size !== undefined && compareQuantities(size, 0) !== 1) {
    const field = `${path}.storage.size`;
    return refuse('Invalid', `${field} must be more than 0, got ${size}`, field);
  }
  const field = `${path}.storage`;
  const wrong = storageClassName === undefined ? undefined : keyIsSound(field, { name: storageClassName });
  if (!wrong) return undefined;
  const must = 'must be the name of a StorageClass: lower-case letters, digits, - and .';
  return refuse(
    'Invalid',
    `${field}.storageClassName ${must}, got ${JSON.stringify(storageClassName)}`,
    `${field}.storageClassName`,
  );
}

/**
 * A Service's name is a DNS label of at most 63 characters. For a StatefulSet, Kubernetes appends 11 characters to
 * the name in the label controller-revision-hash of its pods.
 */
const longestOf = { statefulSet: 52, deployment: 63, daemonSet: 63 };

function namesFit({ object, old }: Call<DataService>): ReturnType<DataServiceRule> {
  const { namePrefix } = object.spec;
  const prefixInUse = old?.status?.namePrefix;
  const prefix = namePrefix ?? prefixInUse ?? `${object.metadata.name}-`;
  return firstOf(present(object), ([name, component]) => {
    const kind = kindOf(name, component);
    if (kind === 'thirdParty') return undefined;
    const longestPrefix = longestOf[kind] - builtIn[name].object.length;
    if (prefix.length <= longestPrefix) return undefined;
    const what = `the ${kind} ${prefix}${builtIn[name].object} would have more than ${longestOf[kind]}`;
    if (namePrefix !== undefined) {
      const path = 'spec.namePrefix';
      return refuse(
        'Invalid',
        `${path} must have at most ${longestPrefix} characters (${what}), got ${prefix.length}`,
        path,
      );
    }
    const path = 'metadata.name';
    return refuse(
      'Invalid',
      `${path} must have at most ${longestPrefix - 1} characters (${what}), got ${prefix.length - 1}`,
      path,
    );
  });
}

function nodePortsAreServed({ object, context }: Call<DataService>): ReturnType<DataServiceRule> {
  return firstOf(present(object), ([name, component]) =>
    firstOf([component.nodePort, ...(portsOf(component.port) ?? []).map((it) => it.nodePort)], (nodePort) =>
      nodePortIsServed(`spec.${name}.nodePort`, nodePort, context.policy.nodePorts),
    ),
  );
}

function nodePortsAreUnique({ object }: Call<DataService>): ReturnType<DataServiceRule> {
  const taken = new Map<number, string>();
  return firstOf(present(object), ([name, component]) => {
    const others = (portsOf(component.port) ?? []).map((it) => it.nodePort);
    return firstOf([component.nodePort, ...others], (nodePort) => {
      if (!nodePort) return undefined;
      const other = taken.get(nodePort);
      taken.set(nodePort, name);
      if (other === undefined) return undefined;
      const path = `spec.${name}.nodePort`;
      return refuse('Invalid', `${path} must be unique: ${nodePort} is that of ${other}`, path);
    });
  });
}
