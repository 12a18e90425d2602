// Computes the child objects that a DataService needs. Pure: `Situation` answers questions about stored objects.

import {
  type Component,
  type ComponentPort,
  type ComponentSpec,
  components,
  type DataService,
  kindOf,
  portsOf,
} from '../../api/data-service.ts';
import { addressOf, builtIn, initScripts } from '../../api/data-service-parts.ts';
import { inStrings } from '../../api/podspec.ts';
import { own } from '../../runtime/own-keys.ts';
import {
  configMaps,
  daemonSets,
  deployments,
  secrets,
  services,
  statefulSets,
} from '../../workloads/child-kinds.ts';
import type { Desired } from '../../workloads/children.ts';
import { hashOf, labelsOf, selectorOf } from '../../workloads/identity.ts';
import { type Credentials, credentialsOf, environmentOf } from './credentials.ts';
import { hostOf, nameOf } from './names.ts';
import { render, templateOf, type Values } from './templates.ts';

export const owns = [services, deployments, statefulSets, daemonSets, configMaps, secrets];
export const runnables = {
  deployment: deployments,
  statefulSet: statefulSets,
  daemonSet: daemonSets,
} as const;

/** Annotation of pods: a hash of their files and passwords. When it changes, Kubernetes replaces the pods. */
const configAnnotation = 'spikegate.io/config';

export interface Situation {
  /** Prefix of the children's names (names.ts). */
  prefix: string;
  /** Whether other components can use this one: its check succeeded, or it has a ready pod. */
  isUsable(component: Component): boolean;
  /**
   * Whether its Deployment, StatefulSet or DaemonSet exists. Then its dependencies were ready once, and it does not
   * wait for them again.
   */
  isThere(component: Component): boolean;
  /** Whether the Secret of these credentials could be read. A Secret that does not exist counts as read. */
  isKnown(credentials: Credentials): boolean;
  /** The password. Undefined when there is none. */
  passwordOf(credentials: Credentials): string | undefined;
}

export interface ChildrenPlan {
  desired: Desired[];
  /** Components that are not created yet, with the components that they wait for. */
  waiting: Map<Component, Component[]>;
  /** Components that stay unchanged because a Secret could not be read or created, with the name of that Secret. */
  held: Map<Component, string>;
}

export const presentIn = ({ spec }: DataService): [Component, ComponentSpec][] =>
  components.flatMap((name): [Component, ComponentSpec][] => {
    const component = spec[name];
    return component ? [[name, component]] : [];
  });

/** The children are in the order in which they are applied. */
export function planOf(object: DataService, situation: Situation): ChildrenPlan {
  const all = new Plans(object, situation);
  const waiting: ChildrenPlan['waiting'] = new Map();
  const held: ChildrenPlan['held'] = new Map();
  const desired = all.secrets();
  for (const [name, component] of presentIn(object)) {
    if (kindOf(name, component) === 'thirdParty') continue;
    const missing = builtIn[name].needs.filter((it) => object.spec[it] && !situation.isUsable(it));
    const unknown = all.unknownTo(name);
    if (missing.length > 0 && !situation.isThere(name)) waiting.set(name, missing);
    else if (unknown !== undefined) held.set(name, unknown);
    else desired.push(...all.component(name, component));
  }
  return { desired, waiting, held };
}

/** The ports of the component: those of the spec, or else its default port. Never empty. */
function listening(name: Component, { port, nodePort }: ComponentSpec): ComponentPort[] {
  const found = portsOf(port) ?? [];
  const [first = { port: builtIn[name].port }, ...others] = found;
  return [{ ...first, ...(nodePort ? { nodePort } : {}) }, ...others];
}

class Plans {
  readonly #object: DataService;
  readonly #situation: Situation;
  readonly #credentials: Credentials[];
  readonly #values: Values;

  constructor(object: DataService, situation: Situation) {
    this.#object = object;
    this.#situation = situation;
    this.#credentials = credentialsOf(object, situation.prefix);
    this.#values = valuesOf(object, situation.prefix);
  }

  /** Secrets for passwords in the spec. The generated password is not a child: it outlives the object (password.ts). */
  secrets(): Desired[] {
    return this.#credentials.flatMap(({ component, secret, literal }) =>
      secret && literal !== undefined
        ? [
            {
              kind: secrets,
              name: secret.name,
              component,
              body: { type: 'Opaque', data: { [secret.key]: Buffer.from(literal).toString('base64') } },
            },
          ]
        : [],
    );
  }

  /** Name of a Secret that the component uses and that could not be read. Without it there is no pod template. */
  unknownTo(name: Component): string | undefined {
    return this.#used(name).find((it) => it.secret && !this.#situation.isKnown(it))?.secret?.name;
  }

  component(name: Component, spec: ComponentSpec): Desired[] {
    const files = this.#files(name, spec);
    const configs = builtIn[name].configMaps.map((it) => ({
      kind: configMaps,
      name: `${this.#situation.prefix}${it.name}`,
      component: name,
      body: { data: files.get(it.name) },
    }));
    return [...configs, this.#runnable(name, spec, files), this.#service(name, spec)];
  }

  #files(name: Component, { config = {} }: ComponentSpec): Map<string, Record<string, string>> {
    const port = this.#ports(name)[0]!.port;
    const values = { ...this.#values, [`${name}.port`]: String(port) };
    return new Map(
      builtIn[name].configMaps.map((part) => {
        const names = part.files === initScripts ? withScripts(part.files, config) : part.files;
        const texts = names.map((file) => [
          file,
          render(own(config, file) ?? templateOf(name, file, port), values),
        ]);
        return [part.name, Object.fromEntries(texts)];
      }),
    );
  }

  #ports(name: Component): ComponentPort[] {
    return listening(name, this.#object.spec[name] ?? {});
  }

  #runnable(name: Component, spec: ComponentSpec, files: Map<string, Record<string, string>>): Desired {
    const kind = kindOf(name, spec) as keyof typeof runnables;
    const selector = selectorOf(this.#object, name);
    const template = {
      metadata: {
        labels: { ...labelsOf(this.#object, name), ...(spec.name ? { 'spikegate.io/name': spec.name } : {}) },
        annotations: { [configAnnotation]: this.#hash(name, files) },
      },
      spec: { containers: [this.#container(name, spec)], ...this.#volumes(name) },
    };
    const object = nameOf(this.#situation.prefix, name);
    return {
      kind: runnables[kind],
      name: object,
      component: name,
      body: {
        spec: {
          ...(kind === 'daemonSet' ? {} : { replicas: spec.replica ?? 1 }),
          selector: { matchLabels: selector },
          template,
          ...(kind === 'statefulSet' ? { serviceName: object } : {}),
          ...(name === 'mysql' ? { volumeClaimTemplates: [claimOf(spec)] } : {}),
        },
      },
    };
  }

  /** mysql runs its scripts only once, when its volume is empty. So a changed script must not replace its pods. */
  #hash(name: Component, files: Map<string, Record<string, string>>): string {
    const hashedFiles = [...files].filter(([part]) => part !== 'mysql-dataservice-init');
    const passwords = this.#used(name).map((it) => this.#situation.passwordOf(it) ?? null);
    return hashOf([hashedFiles, passwords]);
  }

  /** The credentials that the component uses. */
  #used(name: Component): Credentials[] {
    if (name === 'mysql') return this.#credentials.filter(({ component }) => component === 'mysql');
    return name === 'web' || name === 'eureka' ? [] : this.#credentials;
  }

  #container(name: Component, spec: ComponentSpec): object {
    const ports = this.#ports(name);
    return {
      name,
      image: spec.image ?? builtIn[name].image,
      ports: ports.map((it, index) => ({
        name: portName(name, it, index),
        containerPort: it.port,
        protocol: 'TCP',
      })),
      ...this.#environment(name, spec),
      ...(spec.resources ? { resources: inStrings(spec.resources) } : {}),
      // mysql listens only after its scripts have run.
      readinessProbe: { tcpSocket: { port: ports[0]!.port }, periodSeconds: 5, timeoutSeconds: 2 },
      ...mountsOf(name),
    };
  }

  /** A variable in the spec overrides ours of the same name. */
  #environment(name: Component, { env = {} }: ComponentSpec): { env?: object[] } {
    const used = this.#used(name);
    const ours =
      name === 'mysql'
        ? used.flatMap(({ secret }) =>
            secret ? [{ name: 'MYSQL_ROOT_PASSWORD', valueFrom: { secretKeyRef: secret } }] : [],
          )
        : environmentOf(used);
    const theirs = Object.entries(env).map(([variable, value]) => ({ name: variable, value }));
    const all = [...ours.filter((it) => !Object.hasOwn(env, (it as { name: string }).name)), ...theirs];
    return all.length > 0 ? { env: all } : {};
  }

  #volumes(name: Component): { volumes?: object[] } {
    const volumes = builtIn[name].configMaps.map((part) => ({
      name: part.name,
      configMap: { name: `${this.#situation.prefix}${part.name}` },
    }));
    return volumes.length > 0 ? { volumes } : {};
  }

  #service(name: Component, spec: ComponentSpec): Desired {
    const ports = listening(name, spec);
    return {
      kind: services,
      name: nameOf(this.#situation.prefix, name),
      component: name,
      body: {
        spec: {
          type: ports.some(({ nodePort }) => nodePort) ? 'NodePort' : 'ClusterIP',
          selector: selectorOf(this.#object, name),
          ports: ports.map((it, index) => ({
            name: portName(name, it, index),
            port: it.port,
            targetPort: it.port,
            protocol: 'TCP',
            ...(it.nodePort ? { nodePort: it.nodePort } : {}),
          })),
        },
      },
    };
  }
}

function portName(component: Component, { name, port }: ComponentPort, index: number): string {
  if (name !== undefined) return name;
  if (index > 0) return `port-${port}`;
  return component === 'mysql' ? 'mysql' : 'http';
}

function withScripts(known: readonly string[], config: Record<string, string>): string[] {
  const more = Object.keys(config).filter((file) => file.endsWith('.sql') && !known.includes(file));
  return [...known, ...more].sort();
}

function mountsOf(name: Component): { volumeMounts?: object[] } {
  const mounts: object[] = builtIn[name].configMaps.map(({ name: volume, mountPath, isFile, files }) => ({
    name: volume,
    mountPath,
    ...(isFile ? { subPath: files[0] } : {}),
  }));
  if (name === 'mysql') mounts.push({ name: 'data', mountPath: '/var/lib/mysql' });
  return mounts.length > 0 ? { volumeMounts: mounts } : {};
}

function claimOf({ storage = {} }: ComponentSpec): object {
  const { size = '10Gi', storageClassName } = storage;
  return {
    metadata: { name: 'data' },
    spec: {
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage: String(size) } },
      ...(storageClassName ? { storageClassName } : {}),
    },
  };
}

/** The values of the placeholders in configuration files. */
function valuesOf(object: DataService, prefix: string): Values {
  const at = (name: Component): string =>
    hostOf(object, prefix, name, listening(name, object.spec[name] ?? {})[0]!.port);
  const urls = components.map((name) => [`${name}.url`, at(name)]);
  const httpUrlOf = (name: Component, path: string): string => {
    const { thirdParty } = object.spec[name] ?? {};
    // addressOf refuses characters that are special in a file. Check again: the object may be older than the rule.
    const isUrl = thirdParty && addressOf(thirdParty.url, builtIn[name].port)?.http !== undefined;
    return isUrl ? thirdParty.url.trim() : `http://${at(name)}${path}`;
  };
  return {
    ...Object.fromEntries(urls),
    'eureka.url': httpUrlOf('eureka', '/eureka/'),
    'uuc.url': httpUrlOf('uuc', ''),
    // biome-ignore lint/suspicious/noTemplateCurlyInString: filled in by Spring, from the environment
    'mysql.user': '${MYSQL_USER}',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: filled in by Spring, from the environment
    'mysql.password': '${MYSQL_PASSWORD}',
    namespace: object.metadata.namespace ?? '',
  };
}
