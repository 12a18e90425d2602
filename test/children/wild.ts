// Random values within a CRD's schema: mostly such as people write, some at the edges, some odd. Knows no kind.
import type { Random } from '../simulation/random.ts';

interface Schema {
  type?: string;
  enum?: unknown[];
  pattern?: string;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  maxItems?: number;
  maxProperties?: number;
  items?: Schema;
  required?: string[];
  properties?: Record<string, Schema>;
  additionalProperties?: Schema;
  'x-kubernetes-int-or-string'?: boolean;
  'x-kubernetes-preserve-unknown-fields'?: boolean;
}

/** Words that some field somewhere takes for what they are not. */
const words = [
  ...[
    '',
    ' ',
    'a',
    'A',
    'web',
    'http',
    'metrics',
    'metric',
    'a-b',
    'a--b',
    '-a',
    'a-',
    '8080',
    '80',
    '8a',
    'a8',
  ],
  ...[
    'a.b',
    'a/b',
    '..',
    '.',
    '*',
    'a b',
    'ä',
    '😀',
    '\n',
    'a\nb',
    '\t',
    '\u0000',
    'a=b',
    '=',
    '$(A)',
    '$(',
    '{{x}}',
  ],
  ...[
    'status.podIP',
    'status.hostIP',
    'status.hostName',
    'metadata.name',
    "metadata.labels['x']",
    'metadata.labels',
  ],
  ...[
    'spec.nodeName',
    'metadata.annotations',
    'v1',
    'v2',
    'cpu',
    'cpus',
    'memory',
    'storage',
    'pods',
    'nvidia.com/gpu',
  ],
  ...[
    'ephemeral-storage',
    'hugepages-2Mi',
    'requests.cpu',
    'example.com/',
    '/x',
    'kubernetes.io/x',
    'attachable-volumes-x',
  ],
  ...['1', '0', '500m', '2Gi', '1.5', '0.5', '100', '1e3', '10Ti', '1m', '9', '1n', '1E', '10000000P'],
  ...[
    'A_B',
    '1A',
    'PATH',
    'KUBERNETES_SERVICE_HOST',
    'application.yml',
    'my.cnf',
    '01-auth.sql',
    'x.sql',
    'X.SQL',
  ],
  ...[
    'shop/web:1',
    'shop/web',
    'registry:5000/a/b:1',
    'UPPER/x',
    `x@sha256:${'a'.repeat(64)}`,
    'localhost/x:latest',
  ],
  ...[
    'http://prometheus.monitoring.svc:9090',
    'https://u:p@h',
    'ftp://h',
    '10.0.0.1:3306',
    'mysql.db.svc',
    'jdbc:mysql://h:1/x',
  ],
  ...['30s', '5m', '99999h', '/metrics', '/a?b', 'b:9092,c:9092', 'group', 'topic', 'Always', 'uid'],
];
const lengths = [15, 16, 40, 41, 52, 53, 58, 59, 63, 64, 253, 254, 512];

export class Wild {
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  /** The same object with `times` of its fields replaced, added or left out. */
  mutated<T>(schema: unknown, value: T, times: number): T {
    let result: unknown = value;
    for (let i = 0; i < times; i++) result = this.#mutate(schema as Schema, result);
    return result as T;
  }

  #mutate(schema: Schema, value: unknown): unknown {
    const random = this.#random;
    const isMap = schema.additionalProperties !== undefined;
    if (schema.type === 'object' && (schema.properties || isMap) && !random.chance(0.03)) {
      const object = (value ?? {}) as Record<string, unknown>;
      const known = isMap ? [...Object.keys(object), this.#word()] : Object.keys(schema.properties ?? {});
      const name = random.pick(known);
      const field = isMap ? schema.additionalProperties! : schema.properties![name]!;
      const before = Object.hasOwn(object, name) ? object[name] : undefined;
      const after = before !== undefined && random.chance(0.1) ? undefined : this.#mutate(field, before);
      const others = Object.entries(object).filter(([key]) => key !== name);
      return Object.fromEntries(after === undefined ? others : [...others, [name, after]]);
    }
    if (schema.type === 'array' && Array.isArray(value) && value.length > 0 && random.chance(0.8)) {
      const index = random.int(0, value.length - 1);
      return value.map((item, at) => (at === index ? this.#mutate(schema.items!, item) : item));
    }
    return this.#any(schema);
  }

  #any(schema: Schema): unknown {
    const random = this.#random;
    if (schema.enum) return random.pick(schema.enum);
    if (schema['x-kubernetes-preserve-unknown-fields']) return this.#ports();
    if (schema['x-kubernetes-int-or-string']) {
      return random.chance(0.5) ? this.#number(schema) : this.#text(schema);
    }
    switch (schema.type) {
      case 'integer':
        return this.#number(schema);
      case 'boolean':
        return random.chance(0.5);
      case 'array': {
        const items = Array.from({ length: random.int(0, 3) }, () => this.#any(schema.items!));
        return items.length > 0 && random.chance(0.2) ? [...items, items[0]] : items;
      }
      case 'object':
        return this.#object(schema);
      default:
        return this.#text(schema);
    }
  }

  #object({ properties = {}, required = [], additionalProperties }: Schema): object {
    if (additionalProperties) {
      const keys = Array.from({ length: this.#random.int(0, 4) }, () => this.#word());
      return Object.fromEntries(keys.map((key) => [key, this.#any(additionalProperties)]));
    }
    const wanted = Object.entries(properties).filter(
      ([name]) => required.includes(name) || this.#random.chance(0.5),
    );
    return Object.fromEntries(wanted.map(([name, field]) => [name, this.#any(field)]));
  }

  #number({ minimum = 0, maximum = 2 ** 31 }: Schema): number {
    const near = [
      minimum,
      minimum + 1,
      maximum,
      maximum - 1,
      0,
      1,
      2,
      3,
      79,
      80,
      443,
      8080,
      8090,
      30_000,
      32_767,
    ];
    return this.#random.pick(near.filter((it) => it >= minimum && it <= maximum));
  }

  #text({ pattern, minLength = 0, maxLength = 1024 }: Schema): string {
    const fits = (it: string) =>
      it.length >= minLength && it.length <= maxLength && (!pattern || new RegExp(pattern).test(it));
    if (maxLength > 100_000 && this.#random.chance(0.2)) return 'x'.repeat(maxLength);
    for (let attempt = 0; attempt < 30; attempt++) {
      const text = this.#word();
      if (fits(text)) return text;
    }
    return words.find(fits) ?? 'a'.repeat(Math.max(1, minLength));
  }

  #word(): string {
    if (this.#random.chance(0.8)) return this.#random.pick(words);
    return this.#random
      .pick(['a', '8', 'a-', 'A'])
      .repeat(this.#random.pick(lengths))
      .slice(0, this.#random.pick(lengths));
  }

  /** Where a number or a list may stand, and a schema cannot say so. */
  #ports(): unknown {
    const random = this.#random;
    const number = () => random.pick<unknown>([80, 8080, 65_535, 0, 1.5, '80', 65_536]);
    const port = () =>
      random.pick<unknown>([
        number(),
        { port: number(), name: this.#word() },
        { port: number(), nodePort: random.pick<unknown>([30_000, 1, 0, 'x']) },
        { port: number(), odd: 1 },
      ]);
    return random.chance(0.4) ? port() : Array.from({ length: random.int(0, 4) }, port);
  }
}
