// Decodes Kubernetes' protobuf, the format in which typed clients send built-in kinds, into JSON. Go also sends zero
// values of fields that JSON omits. The decoder drops them, except where Go has a pointer.

import { setOwn } from '../../runtime/own-keys.ts';
import { definitions } from '../schema/builtin.ts';
import { protoNumbers } from '../schema/proto.generated.ts';
import type { Schema } from '../schema/schema.ts';
import { badRequest } from '../status.ts';
import type { Obj } from '../types.ts';
import { fieldsIn, signed } from './wire.ts';

const magic = Buffer.from('k8s\0');
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('utf8');

/** Fields that are pointers in Go. Go sends them only when they are set, so their zero values are kept. */
const pointers = new Set(
  `replicas automountServiceAccountToken terminationGracePeriodSeconds runAsNonRoot privileged
  allowPrivilegeEscalation readOnlyRootFilesystem runAsUser runAsGroup fsGroup optional immutable controller
  blockOwnerDeletion gracePeriodSeconds orphanDependents enableServiceLinks minReplicas partition
  allowVolumeExpansion revisionHistoryLimit progressDeadlineSeconds activeDeadlineSeconds leaseDurationSeconds
  leaseTransitions tolerationSeconds defaultMode mode expirationSeconds hostUsers shareProcessNamespace priority
  averageUtilization stabilizationWindowSeconds publishNotReadyAddresses storageClassName
  deletionGracePeriodSeconds`.split(/\s+/),
);

/** By type: the field's name for each field number. */
const fieldNames = new Map<string, Map<number, string>>(
  protoNumbers
    .trim()
    .split('\n')
    .map((line) => {
      const [type = '', fields = ''] = line.split('|');
      const pairs = fields
        .split(' ')
        .filter(Boolean)
        .map((pair): [number, string] => {
          const [name = '', number] = pair.split(':');
          return [Number(number), name];
        });
      return [type, new Map(pairs)];
    }),
);

const typeOf = (schema: Schema) => schema.$ref?.slice(schema.$ref.lastIndexOf('/') + 1);

/**
 * Decodes a body: the prefix `k8s\0`, then an envelope (`runtime.Unknown`) whose field 1 has apiVersion and kind, and
 * field 2 the object. Throws 400 for another format and for unknown fields.
 */
export function decodeProtobuf(body: Buffer, typeName: string): Obj {
  if (!body.subarray(0, 4).equals(magic))
    throw badRequest('provided data does not appear to be a protobuf message');
  try {
    const out: Obj = {};
    for (const { number, value } of fieldsIn(body.subarray(4))) {
      if (number === 1) Object.assign(out, typeMeta(value as Uint8Array));
      if (number === 2) Object.assign(out, decodeMessage(typeName, value as Uint8Array));
    }
    return out;
  } catch (error) {
    throw badRequest((error as Error).message);
  }
}

function typeMeta(bytes: Uint8Array): Obj {
  const out: Obj = {};
  for (const { number, value } of fieldsIn(bytes))
    out[number === 1 ? 'apiVersion' : 'kind'] = text(value as Uint8Array);
  return out;
}

function decodeMessage(typeName: string, bytes: Uint8Array): Obj {
  const names = fieldNames.get(typeName);
  const schema = definitions[typeName];
  if (!names || !schema) throw new Error(`no protobuf form of ${typeName} is known`);
  const out: Obj = {};
  for (const { number, value } of fieldsIn(bytes)) {
    const name = names.get(number);
    const field = name === undefined ? undefined : schema.properties?.[name];
    // Old clients send their fields even when empty (ObjectMeta.clusterName). Ignore those.
    if (!field && (value === 0n || (value as Uint8Array).length === 0)) continue;
    if (name === undefined || !field) throw new Error(`field ${number} of ${typeName} is not known`);
    addField(out, name, field, value);
  }
  return out;
}

function addField(out: Obj, name: string, field: Schema, value: bigint | Uint8Array): void {
  if (field.type === 'array') {
    const list = (out[name] ?? []) as unknown[];
    out[name] = list;
    list.push(decodeValue(field.items ?? {}, value));
  } else if (field.type === 'object' && field.additionalProperties && field.additionalProperties !== true) {
    const map = (out[name] ?? {}) as Obj;
    out[name] = map;
    addMapEntry(map, field.additionalProperties, value as Uint8Array);
  } else {
    const decoded = decodeValue(field, value);
    const zero = decoded === '' || decoded === 0 || decoded === false || decoded === undefined;
    if (!zero || pointers.has(name)) out[name] = decoded;
  }
}

function addMapEntry(map: Obj, values: Schema, bytes: Uint8Array): void {
  let key = '';
  let found: unknown = values.type === 'string' ? '' : undefined;
  for (const { number, value } of fieldsIn(bytes)) {
    if (number === 1) key = text(value as Uint8Array);
    // A map of lists (extra values of a user) wraps the list in a message.
    else if (values.type === 'array')
      found = [...fieldsIn(value as Uint8Array)].map((item) => text(item.value as Uint8Array));
    else found = decodeValue(values, value);
  }
  setOwn(map, key, found);
}

type Scalar = (value: bigint | Uint8Array) => unknown;

/** intstr.IntOrString: field 1 is 1 for a text, field 2 has the number, field 3 the text. */
function intOrString(value: bigint | Uint8Array): unknown {
  const parts = new Map([...fieldsIn(value as Uint8Array)].map((field) => [field.number, field.value]));
  if (parts.get(1) === 1n) return text((parts.get(3) as Uint8Array | undefined) ?? new Uint8Array());
  return signed((parts.get(2) as bigint | undefined) ?? 0n);
}

/** metav1.Time and MicroTime: field 1 has the seconds, field 2 the nanoseconds. */
function time(value: bigint | Uint8Array): unknown {
  const parts = new Map([...fieldsIn(value as Uint8Array)].map((field) => [field.number, field.value]));
  if (parts.size === 0) return undefined;
  const seconds = signed((parts.get(1) as bigint | undefined) ?? 0n);
  const micros = Math.floor(signed((parts.get(2) as bigint | undefined) ?? 0n) / 1000);
  const stamp = new Date(seconds * 1000).toISOString().slice(0, 19);
  return micros > 0 ? `${stamp}.${String(micros).padStart(6, '0')}Z` : `${stamp}Z`;
}

/** Field 1 of a message that only wraps one value. */
const wrapped = (value: bigint | Uint8Array) =>
  [...fieldsIn(value as Uint8Array)].find((field) => field.number === 1)?.value as Uint8Array | undefined;

/** By `x-scalar` of the schema: types that protobuf encodes in a special way. */
const special: Record<string, Scalar> = {
  'int-or-string': intOrString,
  time,
  quantity: (value) => text(wrapped(value) ?? new Uint8Array()),
  bytes: (value) => Buffer.from(value as Uint8Array).toString('base64'),
};

/** By `type` of the schema. */
const plain: Record<string, Scalar> = {
  string: (value) => text(value as Uint8Array),
  integer: (value) => signed(value as bigint),
  boolean: (value) => value !== 0n,
  number: (value) => Buffer.from(value as Uint8Array).readDoubleLE(),
};

function decodeValue(schema: Schema, value: bigint | Uint8Array): unknown {
  const type = typeOf(schema);
  if (type) return decodeMessage(type, value as Uint8Array);
  const scalar = special[schema['x-scalar'] ?? ''] ?? plain[schema.type ?? ''];
  if (scalar) return scalar(value);
  // JSON inside protobuf: RawExtension, FieldsV1.
  const raw = wrapped(value);
  return raw && raw.length > 0 ? JSON.parse(text(raw)) : undefined;
}
