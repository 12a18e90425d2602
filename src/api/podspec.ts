// Schema parts for containers and Services, which the workload kinds share. Each part is bounded and structural. It
// refuses a value that the API server would refuse later in a child (a Pod, a Service). Knows no kind.
import { canonicalQuantity, quantityPattern } from './quantity.ts';
import { choice, flag, int, listByKey, object, optional, type Static, Type, text, worded } from './schema.ts';

type Note = { description: string; default?: unknown };

/** RFC 1035 label: the name of a Service. */
const labelPattern = '^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$';
/** IANA service name: the name of a port. At least one letter, no two dashes in a row. */
const portNamePattern = '^([a-z0-9]-?)*[a-z](-?[a-z0-9])*$';
const envNamePattern = '^[-._a-zA-Z][-._a-zA-Z0-9]*$';
const imagePattern =
  '^[a-zA-Z0-9][a-zA-Z0-9._-]*(:[0-9]{1,5})?(/[a-z0-9]+([._-]+[a-z0-9]+)*)*(:[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?(@sha256:[a-f0-9]{64})?$';

worded(quantityPattern, 'must be a quantity such as 500m, 1 or 512Mi');
worded(labelPattern, 'must be a DNS label: lower-case letters, digits and -, beginning with a letter');
worded(portNamePattern, 'must be a port name: lower-case letters, digits and single -, with a letter');
worded(envNamePattern, 'must be the name of an environment variable');
worded(imagePattern, 'must be the name of an image such as registry.example.com/shop/web:1.2');

export const isPortName = (name: unknown): name is string =>
  typeof name === 'string' && name.length <= 15 && new RegExp(portNamePattern).test(name);

const pattern = (value: string, maxLength: number, note: Note) =>
  Type.String({ pattern: value, minLength: 1, maxLength, ...note });

/** A whole number or a string. ajv and the CRD express it differently (define-kind.ts, crd.ts). */
const intOrString = (bounds: object, note: Note) =>
  Type.Unsafe<number | string>({
    anyOf: [{ type: 'integer' }, { type: 'string' }],
    'x-kubernetes-int-or-string': true,
    ...bounds,
    ...note,
  });

export const quantity = (note: Note) =>
  intOrString(
    { pattern: quantityPattern, minimum: 0, maximum: Number.MAX_SAFE_INTEGER, maxLength: 32 },
    note,
  );

/** A port by number, or by its name in the container. */
export const portReference = (note: Note) =>
  intOrString({ pattern: portNamePattern, minimum: 1, maximum: 65_535, maxLength: 15 }, note);

export const port = (note: Note) => int(1, 65_535, note);
export const portName = (note: Note) => pattern(portNamePattern, 15, note);
export const image = (note: Note) => pattern(imagePattern, 512, note);
const protocol = (note: Note) => choice(['TCP', 'UDP'], note);

const quantities = (note: Note) =>
  Type.Unsafe<Record<string, number | string>>({
    type: 'object',
    maxProperties: 16,
    additionalProperties: quantity({ description: 'A quantity.' }),
    ...note,
  });

export const resources = object(
  {
    limits: optional(quantities({ description: 'The most a container may use.' })),
    requests: optional(quantities({ description: 'What is set aside for a container.' })),
  },
  { description: 'Resources of each container, as in a Pod.' },
);
export type Resources = Static<typeof resources>;

/**
 * Quantities as the API server stores them: it accepts `cpu: 1` and `cpu: "1"` and stores the latter. Another
 * spelling of the same quantity is no change.
 */
export function inStrings(resources: Resources): Record<string, Record<string, string>> {
  const entries = Object.entries(resources).map(([list, quantities]) => [
    list,
    Object.fromEntries(Object.entries(quantities).map(([name, value]) => [name, canonicalQuantity(value)])),
  ]);
  return Object.fromEntries(entries);
}

const keyOf = (what: string) =>
  object(
    {
      name: text(253, { description: `Name of the ${what}, in this namespace.` }, 1),
      key: text(253, { description: `Key of the ${what}.` }, 1),
      optional: optional(flag({ description: `Whether the ${what} or its key may be missing.` })),
    },
    { description: `A key of a ${what}.` },
  );

const envVar = object({
  name: pattern(envNamePattern, 253, { description: 'Name of the variable.' }),
  value: optional(text(32_768, { description: 'Its value; $(NAME) refers to variables before it.' })),
  valueFrom: optional(
    object(
      {
        configMapKeyRef: optional(keyOf('ConfigMap')),
        secretKeyRef: optional(keyOf('Secret')),
        fieldRef: optional(
          object(
            {
              apiVersion: optional(text(32, { description: 'v1.' })),
              fieldPath: text(253, { description: 'Path of the field, such as status.podIP.' }, 1),
            },
            { description: 'A field of the pod.' },
          ),
        ),
      },
      { description: 'Where its value comes from, instead of value.' },
    ),
  ),
});
export type EnvVar = Static<typeof envVar>;

export const env = (note: Note) => listByKey(envVar, 'name', 128, note);

const servicePort = object({
  name: optional(portName({ description: 'Name of the port; needed where there are several.' })),
  port: port({ description: 'Port of the Service.' }),
  targetPort: optional(portReference({ description: 'Port of the container; port unless set.' })),
  protocol: optional(protocol({ description: 'TCP or UDP.', default: 'TCP' })),
});
export type ServicePort = Static<typeof servicePort>;

export const servicePorts = (note: Note) => Type.Array(servicePort, { maxItems: 32, ...note });

export interface ContainerPort {
  name?: string;
  containerPort: number;
  protocol: string;
}

/** One targetPort name stands for two container ports, or one container port has two names. */
interface PortConflict {
  /** Index of the Service port with the targetPort that conflicts. */
  index: number;
  /** The fact that an earlier Service port has set: `http is 80/TCP`. */
  already: string;
  got: string;
}

/**
 * The ports on which a container listens: the targetPorts of its Service. When a targetPort is a name, its number is
 * the numeric targetPort of the Service port with that name. Without such a port it is the number of the Service port
 * itself. A container port has only one name, because server-side apply identifies it by number and protocol.
 */
export function containerPortsOf(ports: readonly ServicePort[] = []): {
  ports: ContainerPort[];
  conflict?: PortConflict;
} {
  /** By number and protocol: `80/TCP`. */
  const byId = new Map<string, ContainerPort>();
  const idByName = new Map<string, string>();
  let conflict: PortConflict | undefined;
  /** Numeric targetPorts, by the name of their Service port. */
  const own = new Map<string, number>();
  for (const { name, port, targetPort = port } of ports) {
    if (name !== undefined && typeof targetPort === 'number') own.set(name, targetPort);
  }
  for (const [index, { port, targetPort: name, protocol = 'TCP' }] of ports.entries()) {
    if (typeof name !== 'string') continue;
    const containerPort = own.get(name) ?? port;
    const id = `${containerPort}/${protocol}`;
    const before = idByName.get(name);
    const other = byId.get(id)?.name;
    if (before !== undefined && before !== id) {
      conflict ??= { index, already: `${name} is ${before}`, got: id };
    } else if (other !== undefined && other !== name) {
      conflict ??= { index, already: `${id} is ${other}`, got: name };
    }
    idByName.set(name, id);
    byId.set(id, { name, containerPort, protocol });
  }
  for (const { name, port, targetPort: containerPort = port, protocol = 'TCP' } of ports) {
    const id = `${containerPort}/${protocol}`;
    if (typeof containerPort === 'string' || byId.has(id)) continue;
    const isFree = name !== undefined && !idByName.has(name);
    if (isFree) idByName.set(name, id);
    byId.set(id, { ...(isFree ? { name } : {}), containerPort, protocol });
  }
  return { ports: [...byId.values()], ...(conflict ? { conflict } : {}) };
}

export const podSecurity = choice(['Restricted', 'AsImage'], {
  description:
    'Restricted: pods have the security context of Pod Security "restricted", and their image must not need root. AsImage: they have none. Unless set, what the namespace enforces decides (label pod-security.kubernetes.io/enforce).',
});
