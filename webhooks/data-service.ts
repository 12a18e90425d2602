// Admission of DataService: its two shapes are told apart, and what its children would be refused for is refused here.

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
import { sameQuantity } from '../src/api/quantity.ts';
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
import type { Call, Rule, Warning, Webhooks } from './webhook.ts';

type DataServiceRule = Rule<DataService>;
type Judge = (path: string, component: ComponentSpec, name: Component) => Refusal | undefined;
type Look = (path: string, component: ComponentSpec, name: Component) => string | undefined;

/** `-mysql-dataservice-init` is the longest that is added to its name. */
const longestName = 40;

const rules: DataServiceRule[] = [
  every(placeIsClear),
  every(imageIsNamed),
  every(portsAreClear),
  every(filesAreKnown),
  every((path, { resources }) => requestsWithinLimits(`${path}.resources`, resources)),
  nodePortsAreUnique,
  thirdPartiesAreAllowed,
];

export const dataServiceWebhooks: Webhooks<DataService> = {
  kind: DataService as Kind,
  defaulting: 'assumed',

  /** The schema's defaults are all there are: the API server fills them in. */
  default: ({ object }) => object,

  rules: {
    CREATE: [nameFits(longestName), ...rules],
    UPDATE: [namesStay, volumeStays, ...rules],
    DELETE: [],
  },

  warnings: [
    each((path, { image, ...others }, name) =>
      kindOf(name, others) === 'thirdParty' ? undefined : hasNoVersion(`${path}.image`, image),
    ),
    each((path, component, name) =>
      kindOf(name, component) === 'thirdParty'
        ? undefined
        : lacksRequests(`${path}.resources`, component.resources),
    ),
    each((path, { env = {} }) => {
      const found = Object.keys(env).filter((name) => looksSecret(name, own(env, name)));
      if (found.length === 0) return undefined;
      return `${path}.env: ${found.join(', ')} can be read by everybody who may read this object; put it into a Secret`;
    }),
    each((path, { thirdParty }) =>
      thirdParty?.password
        ? `${path}.thirdParty.password can be read by everybody who may read this object; use passwordSecret`
        : undefined,
    ),
    each((path, { thirdParty }) =>
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

function every(judge: Judge): DataServiceRule {
  return ({ object }) =>
    firstOf(present(object), ([name, component]) => judge(`spec.${name}`, component, name));
}

function each(look: Look): Warning<DataService> {
  return ({ object }) => {
    const found = present(object).flatMap(([name, component]) => look(`spec.${name}`, component, name) ?? []);
    return found.length > 0 ? found.join('; ') : undefined;
  };
}

function placeIsClear(path: string, component: ComponentSpec, name: Component): Refusal | undefined {
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
  const is = before === undefined ? 'unset' : JSON.stringify(before);
  return refuse('Immutable', `${path} is fixed, because children are called after it: it is ${is}`, path);
}

/** Kubernetes lets nobody change the volume claims of a StatefulSet. */
function volumeStays({ object, old }: Call<DataService>): ReturnType<DataServiceRule> {
  const [before, after] = [old?.spec.mysql, object.spec.mysql];
  if (!before || !after || [before, after].some((it) => kindOf('mysql', it) === 'thirdParty'))
    return undefined;
  const { size = '10Gi', storageClassName } = before.storage ?? {};
  const now = after.storage ?? {};
  if (sameQuantity(size, now.size ?? '10Gi') && storageClassName === now.storageClassName) return undefined;
  const path = 'spec.mysql.storage';
  return refuse('Immutable', `${path} is fixed: the claim of its volume cannot be changed`, path);
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

/** What is stored is left: the reconciler asks nobody whom it must not. */
function thirdPartiesAreAllowed({ object, old, context }: Call<DataService>): ReturnType<DataServiceRule> {
  return firstOf(present(object), ([name, { thirdParty }]) => {
    const address = thirdParty && addressOf(thirdParty.url, builtIn[name].port);
    if (!address || thirdParty.url === old?.spec[name]?.thirdParty?.url) return undefined;
    const why = whyNotThere(context.policy.reach.thirdParty, destinationAt(address));
    if (!why) return undefined;
    const path = `spec.${name}.thirdParty.url`;
    const where = `${address.host}:${address.port}`;
    return refuse('PlaceNotAllowed', `${path}: ${where} ${why} (serve --third-party-allow)`, path);
  });
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
