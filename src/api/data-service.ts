// DataService: a data platform of middleware and services. The spec accepts the fields of both earlier versions. Does
// not know its children.
import { defineKind, type ObjectOf } from './define-kind.ts';
import { image, isPortName, podSecurity, quantity, resources } from './podspec.ts';
import {
  choice,
  conditions,
  highestTotal,
  int,
  object,
  observedGeneration,
  optional,
  type Static,
  Type,
  text,
  worded,
} from './schema.ts';

/** In the order in which they are started. */
export const middleware = ['mysql', 'uuc', 'eureka'] as const;
const dataServices = [
  'api-manager',
  'auth',
  'ds-adapter',
  'es-adapter',
  'trd-adapter',
  'gateway-master',
  'gateway-web',
  'proxy',
] as const;
export const components = [...middleware, ...dataServices, 'web'] as const;
export type Component = (typeof components)[number];
export const isMiddleware = (name: string): boolean => (middleware as readonly string[]).includes(name);

/** The index is the number that the first version used for the kind. */
export const componentKinds = ['deployment', 'statefulSet', 'daemonSet', 'thirdParty'] as const;
export type ComponentKind = (typeof componentKinds)[number];
const capitalized = (name: string): string => name[0]!.toUpperCase() + name.slice(1);

const dnsLabel = '^[a-z]([-a-z0-9]*[a-z0-9])?$';
worded(dnsLabel, 'must be a DNS label: lower-case letters, digits and -, beginning with a letter');
const prefix = '^[a-z]([-a-z0-9]{0,38}[a-z0-9])?-$';
worded(prefix, 'must be a DNS label of at most 40 characters and a - at its end');

const thirdParty = object(
  {
    url: text(2048, { description: 'Where it is: host:port, or a URL.' }, 1),
    username: optional(text(256, { description: 'User name.' })),
    password: optional(text(1024, { description: 'Password; better in a Secret (passwordSecret).' })),
    passwordSecret: optional(
      object(
        {
          name: text(253, { description: 'Name of the Secret, in this namespace.' }, 1),
          key: optional(text(253, { description: 'Key of the Secret.', default: 'password' }, 1)),
        },
        { description: 'Where the password is.' },
      ),
    ),
    check: optional(
      object(
        {
          type: optional(
            choice(['HTTP', 'TCP'], { description: 'HTTP where url is an HTTP URL, else TCP.' }),
          ),
          path: optional(text(1024, { description: 'Path of an HTTP check, instead of that of url.' })),
          timeoutSeconds: optional(int(1, 30, { description: 'An answer after this is none.', default: 3 })),
          periodSeconds: optional(
            int(5, 3600, {
              description: 'Time between two checks while it fails; ten times that while it works.',
              default: 10,
            }),
          ),
        },
        { description: 'How to see that it is usable.' },
      ),
    ),
    checkCMD: optional(
      text(4096, { description: 'Of an earlier version. Never run: commands from an object are code.' }),
    ),
  },
  { description: 'Runs elsewhere: where, and how to see that it is usable.' },
);
export type ThirdParty = Static<typeof thirdParty>;

const stringMap = (maxEntries: number, maxCharacters: number, description: string) =>
  Type.Unsafe<Record<string, string>>({
    type: 'object',
    maxProperties: maxEntries,
    additionalProperties: { type: 'string', maxLength: maxCharacters },
    description,
  });

const component = (what: string) =>
  optional(
    object(
      {
        name: optional(
          Type.String({
            pattern: dnsLabel,
            maxLength: 40,
            description:
              'Of the earlier versions: a label of its pods. Children are named after the component.',
          }),
        ),
        kind: optional(
          Type.Unsafe<number | string>({
            anyOf: [{ type: 'integer' }, { type: 'string' }],
            'x-kubernetes-int-or-string': true,
            enum: [0, 1, 2, 3, ...componentKinds, ...componentKinds.map(capitalized)],
            description: 'How it runs: 0 deployment, 1 statefulSet, 2 daemonSet, 3 thirdParty (elsewhere).',
          }),
        ),
        thirdParty: optional(thirdParty),
        // A number or a list, which a structural schema cannot express. webhooks/data-service.ts checks it.
        port: optional(
          Type.Unsafe<unknown>({
            'x-kubernetes-preserve-unknown-fields': true,
            description: 'Its port, or a list of ports: numbers, or {name, port, nodePort}.',
          }),
        ),
        nodePort: optional(
          int(0, 65_535, { description: 'Opened on every node for its first port; 0 is none.' }),
        ),
        image: optional(image({ description: 'Image of its container.' })),
        replica: optional(int(0, 1000, { description: 'Pods; 1 unless set.' })),
        env: optional(stringMap(128, 32_768, 'Environment of its container.')),
        resources: optional(resources),
        config: optional(
          stringMap(
            32,
            262_144,
            'Files that replace the built-in ones of the same name; see docs/workloads.md.',
          ),
        ),
        storage: optional(
          object(
            {
              size: optional(quantity({ description: 'Size of the volume.', default: '10Gi' })),
              storageClassName: optional(text(253, { description: "The cluster's default unless set." }, 1)),
            },
            { description: 'Of mysql: its volume. It is kept when the DataService is deleted.' },
          ),
        ),
      },
      { description: what },
    ),
  );

const spec = object({
  namePrefix: optional(
    Type.String({
      pattern: prefix,
      maxLength: 41,
      description:
        'What the names of the children begin with. Unless set: nothing for the first DataService of a namespace, for further ones their name and -.',
    }),
  ),
  podSecurity: optional(podSecurity),
  mysql: component('The database; in this namespace, or elsewhere (thirdParty).'),
  uuc: component('The user centre; in this namespace, or elsewhere (thirdParty).'),
  eureka: component('The registry; as middleware or as a service.'),
  'api-manager': component('Manages APIs.'),
  auth: component('Authenticates.'),
  'ds-adapter': component('Connects data sources.'),
  'es-adapter': component('Connects Elasticsearch.'),
  'trd-adapter': component('Connects third parties.'),
  'gateway-master': component('The gateway of services.'),
  'gateway-web': component('The gateway of the front end.'),
  proxy: component('The proxy.'),
  web: component('The front end.'),
});

const dataServicePhases = ['Pending', 'Progressing', 'Degraded', 'Ready'] as const;

const componentStatus = object({
  name: text(64, { description: 'The component.' }, 1),
  state: choice(['Waiting', 'Progressing', 'Ready', 'Failed'], { description: 'State of the component.' }),
  ready: int(0, highestTotal, { description: 'Pods that are ready.' }),
  wanted: int(0, highestTotal, { description: 'Pods that are wanted.' }),
  message: optional(text(4096, { description: 'What it waits for, or what is wrong.' })),
});
export type ComponentStatus = Static<typeof componentStatus>;

const status = object({
  phase: optional(choice(dataServicePhases, { description: 'State as a whole.' })),
  message: optional(text(4096, { description: 'Why, for a person.' })),
  ready: optional(text(16, { description: 'Components that are ready, of all.' })),
  namePrefix: optional(
    text(64, { description: 'What the names of the children begin with, once decided. Empty: plain names.' }),
  ),
  components: optional(
    Type.Array(componentStatus, {
      maxItems: 16,
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['name'],
      description: 'The components, in the order in which they are brought up.',
    }),
  ),
  observedGeneration,
  conditions,
});

export const DataService = defineKind({
  group: 'd3os-product.com.d3os',
  version: 'v1',
  kind: 'DataService',
  plural: 'dataservices',
  singular: 'dataservice',
  shortNames: [],
  description: 'A data platform: middleware first, then its services.',
  spec,
  status,
  printerColumns: [
    { name: 'Phase', type: 'string', jsonPath: '.status.phase' },
    { name: 'Ready', type: 'string', jsonPath: '.status.ready' },
    { name: 'Message', type: 'string', jsonPath: '.status.message' },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  ],
});
export type DataService = ObjectOf<typeof DataService>;
export type DataServiceSpec = Static<typeof spec>;
export type DataServiceStatus = Static<typeof status>;
export type ComponentSpec = NonNullable<DataServiceSpec['mysql']>;

export interface ComponentPort {
  name?: string;
  port: number;
  nodePort?: number;
}

/** The kind by name. A spec with `thirdParty` needs no `kind`, as in the samples of the first version. */
export function kindOf(name: Component, spec: ComponentSpec): ComponentKind {
  const { kind } = spec;
  if (typeof kind === 'number') return componentKinds[kind] ?? 'deployment';
  if (typeof kind === 'string') return `${kind[0]?.toLowerCase()}${kind.slice(1)}` as ComponentKind;
  if (spec.thirdParty) return 'thirdParty';
  return name === 'mysql' ? 'statefulSet' : 'deployment';
}

/** The ports in one shape. Undefined when the value has no valid shape: the schema does not check it (see `port`). */
export function portsOf(value: unknown): ComponentPort[] | undefined {
  if (value === undefined || value === null) return [];
  const items = Array.isArray(value) ? value : [value];
  const ports = items.map(portOf);
  return ports.every((it) => it !== undefined) ? ports : undefined;
}

const isPort = (value: unknown): value is number =>
  Number.isInteger(value) && Number(value) >= 1 && Number(value) <= 65_535;

function portOf(value: unknown): ComponentPort | undefined {
  if (isPort(value)) return { port: value };
  if (typeof value !== 'object' || value === null) return undefined;
  const { name, port, nodePort, ...others } = value as Record<string, unknown>;
  if (Object.keys(others).length > 0 || !isPort(port)) return undefined;
  if (nodePort !== undefined && !isPort(nodePort)) return undefined;
  if (name !== undefined && !isPortName(name)) return undefined;
  return {
    port,
    ...(name === undefined ? {} : { name }),
    ...(nodePort === undefined ? {} : { nodePort }),
  };
}
