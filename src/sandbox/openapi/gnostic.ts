// Encodes the OpenAPI v2 document as protobuf, for clients that call client-go's OpenAPISchema(). The messages and
// all field numbers here are from gnostic's OpenAPIv2.proto. Pure.

import { own } from '../../runtime/own-keys.ts';
import { WireWriter } from '../protobuf/wire.ts';
import { asList, asObj, asStrings, isObj, type Obj } from '../types.ts';

type Write = (writer: WireWriter) => void;

/** gnostic's Any: a value as YAML text. All JSON is valid YAML. */
const any =
  (value: unknown): Write =>
  (writer) =>
    writer.text(2, `${JSON.stringify(value)}\n`);

/** gnostic's Named… messages: an entry of a map. */
const named =
  (name: string, value: Write): Write =>
  (writer) =>
    writer.text(1, name).message(2, value);

// Keywords of a schema, by their type in the message, with their field numbers.
const texts: Record<string, number> = { $ref: 1, format: 2, title: 3, description: 4, pattern: 13 };
const integers: Record<string, number> = {
  maxLength: 11,
  minLength: 12,
  maxItems: 14,
  minItems: 15,
  maxProperties: 17,
  minProperties: 18,
};
const doubles: Record<string, number> = { multipleOf: 6, maximum: 7, minimum: 9 };
const flags: Record<string, number> = { exclusiveMaximum: 8, exclusiveMinimum: 10, uniqueItems: 16 };

function schema(given: Obj): Write {
  return (writer) => {
    for (const [name, value] of Object.entries(given)) {
      const [text, integer, double, flag] = [texts, integers, doubles, flags].map((numbers) =>
        own(numbers, name),
      );
      if (text) writer.text(text, String(value));
      else if (integer) writer.number(integer, Number(value));
      else if (double) writer.double(double, Number(value));
      else if (flag) writer.number(flag, value === true);
      else if (name.startsWith('x-')) writer.message(31, named(name, any(value)));
    }
    for (const name of asStrings(given.required)) writer.text(19, name);
    if (Array.isArray(given.enum)) for (const value of given.enum) writer.message(20, any(value));
    if (given.default !== undefined) writer.message(5, any(given.default));
    const extra = given.additionalProperties;
    if (isObj(extra)) writer.message(21, (w) => w.message(1, schema(extra)));
    else if (typeof extra === 'boolean') writer.message(21, (w) => w.number(2, extra));
    if (typeof given.type === 'string') writer.message(22, (w) => w.text(1, given.type as string));
    if (isObj(given.items)) writer.message(23, (w) => w.message(1, schema(given.items as Obj)));
    for (const part of asList(given.allOf)) writer.message(24, schema(part));
    if (isObj(given.properties)) {
      const properties = Object.entries(given.properties);
      writer.message(25, (w) => {
        for (const [name, value] of properties) w.message(1, named(name, schema(asObj(value))));
      });
    }
  };
}

/** A query parameter: ParametersItem → Parameter → NonBodyParameter → QueryParameterSubSchema. */
function parameter(given: Obj): Write {
  const query: Write = (writer) =>
    writer.text(2, 'query').text(4, String(given.name)).text(6, String(given.type));
  return (item) => item.message(1, (p) => p.message(2, (nonBody) => nonBody.message(3, query)));
}

const responses: Write = (writer) => {
  writer.message(
    1,
    named('200', (value) => value.message(1, (response) => response.text(1, 'OK'))),
  );
};

function operation(given: Obj): Write {
  return (writer) => {
    writer.text(5, String(given.operationId));
    for (const one of asList(given.parameters)) writer.message(8, parameter(one));
    writer.message(9, responses);
    for (const name of ['x-kubernetes-action', 'x-kubernetes-group-version-kind'])
      writer.message(13, named(name, any(given[name])));
  };
}

const methods: Record<string, number> = { get: 2, put: 3, post: 4, delete: 5, patch: 8 };

function pathItem(given: Obj): Write {
  return (writer) => {
    for (const [method, number] of Object.entries(methods)) {
      const found = given[method];
      if (isObj(found)) writer.message(number, operation(found));
    }
  };
}

export function encodeDocument(document: Obj): Buffer {
  const writer = new WireWriter();
  const info = asObj(document.info);
  writer.text(1, '2.0');
  writer.message(2, (w) => w.text(1, String(info.title)).text(2, String(info.version)));
  writer.message(8, (w) => {
    for (const [path, item] of Object.entries(asObj(document.paths)))
      w.message(2, named(path, pathItem(asObj(item))));
  });
  writer.message(9, (w) => {
    for (const [name, value] of Object.entries(asObj(document.definitions)))
      w.message(1, named(name, schema(asObj(value))));
  });
  return writer.finish();
}
