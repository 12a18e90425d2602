// Formats of names and rules of metadata, with the texts of apimachinery's validation. Pure.

import { type FieldError, field } from '../status.ts';
import { asList, asString, asStrings, type Item, isObj } from '../types.ts';

interface Format {
  pattern: RegExp;
  max: number;
  text: string;
}

const regexUsed = (examples: string, pattern: string) =>
  `(e.g. ${examples}, regex used for validation is '${pattern}')`;
const label1123 = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const subdomain1123 = `${label1123}(\\.${label1123})*`;
const label1035 = '[a-z]([-a-z0-9]*[a-z0-9])?';
const qualified = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';
const value = `(${qualified})?`;

const whole = (pattern: string) => new RegExp(`^(?:${pattern})$`);

export const formats = {
  /** A segment of a path (apimachinery pkg/api/validation/path). */
  segment: {
    pattern: /^(?!\.\.?$)[^/%]+$/,
    max: Number.POSITIVE_INFINITY,
    text: `may not be '.' or '..', nor contain '/' or '%'`,
  },
  subdomain: {
    pattern: whole(subdomain1123),
    max: 253,
    text: `a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character ${regexUsed("'example.com'", subdomain1123)}`,
  },
  label: {
    pattern: whole(label1123),
    max: 63,
    text: `a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character ${regexUsed("'my-name',  or '123-abc'", label1123)}`,
  },
  label1035: {
    pattern: whole(label1035),
    max: 63,
    text: `a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character ${regexUsed("'my-name',  or 'abc-123'", label1035)}`,
  },
  labelValue: {
    pattern: whole(value),
    max: 63,
    text: `a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character ${regexUsed("'MyValue',  or 'my_value',  or '12345'", value)}`,
  },
  qualifiedName: {
    pattern: whole(qualified),
    max: 63,
    text: `name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character ${regexUsed("'MyName',  or 'my.name',  or '123-abc'", qualified)}`,
  },
  configKey: {
    pattern: /^[-._a-zA-Z0-9]+$/,
    max: 253,
    text: `a valid config key must consist of alphanumeric characters, '-', '_' or '.' ${regexUsed("'key.name',  or 'KEY_NAME',  or 'key-name'", '[-._a-zA-Z0-9]+')}`,
  },
  portName: {
    pattern: /^(?!.*--)(?=.*[a-z])[a-z0-9]([a-z0-9-]*[a-z0-9])?$/,
    max: 15,
    text: 'must contain at least one letter (a-z), only lower-case letters, digits and single hyphens',
  },
  envName: {
    pattern: /^[^=]+$/,
    max: 4096,
    text: "a valid environment variable name must consist only of printable ASCII characters other than '='",
  },
} satisfies Record<string, Format>;

/** Why `text` does not have the format, or undefined. */
export function formatError(format: Format, text: string): string | undefined {
  if (text.length > format.max)
    return `must be no more than ${format.max} ${format.max === 253 ? 'characters' : 'bytes'}`;
  if (format === formats.label && text.includes('.')) return 'must not contain dots';
  return format.pattern.test(text) ? undefined : format.text;
}

export function checkFormat(format: Format, path: string, text: string): FieldError[] {
  const error = formatError(format, text);
  return error ? [field.invalid(path, text, error)] : [];
}

export function qualifiedNameError(name: string): string | undefined {
  const parts = name.split('/');
  if (parts.length > 2) {
    return "a qualified name must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')";
  }
  const [prefix, last] =
    parts.length === 2 ? [parts[0] as string, parts[1] as string] : [undefined, parts[0] as string];
  if (prefix === '') return 'prefix part must be non-empty';
  const prefixError = prefix === undefined ? undefined : formatError(formats.subdomain, prefix);
  if (prefixError) return `prefix part ${prefixError}`;
  if (last === '') return 'name part must be non-empty';
  const error = formatError(formats.qualifiedName, last);
  return error && (error.startsWith('name part') ? error : `name part ${error}`);
}

export function checkLabels(labels: unknown, path: string): FieldError[] {
  if (labels === undefined || labels === null) return [];
  if (!isObj(labels)) return [];
  return Object.entries(labels).flatMap(([key, val]) => {
    const keyError = qualifiedNameError(key);
    const valueError = formatError(formats.labelValue, asString(val));
    return [
      ...(keyError ? [field.invalid(path, key, keyError)] : []),
      ...(valueError ? [field.invalid(path, val, valueError)] : []),
    ];
  });
}

const annotationLimit = 256 * 1024;

function checkAnnotations(annotations: unknown): FieldError[] {
  if (!isObj(annotations)) return [];
  const errors: FieldError[] = [];
  let size = 0;
  for (const [key, val] of Object.entries(annotations)) {
    const error = qualifiedNameError(key.toLowerCase());
    if (error) errors.push(field.invalid('metadata.annotations', key, error));
    size += key.length + asString(val).length;
  }
  if (size > annotationLimit) errors.push(field.tooLong('metadata.annotations', annotationLimit));
  return errors;
}

function checkFinalizers(finalizers: unknown): FieldError[] {
  return asStrings(finalizers).flatMap((name) => {
    const path = 'metadata.finalizers';
    const error = qualifiedNameError(name);
    return error ? [field.invalid(path, name, error)] : [];
  });
}

function checkOwners(owners: unknown): FieldError[] {
  const errors: FieldError[] = [];
  const controllers: string[] = [];
  asList(owners).forEach((owner, i) => {
    for (const name of ['apiVersion', 'kind', 'name', 'uid'])
      if (!owner[name])
        errors.push(field.required(`metadata.ownerReferences[${i}].${name}`, 'must not be empty'));
    if (owner.controller === true) controllers.push(`${asString(owner.kind)}/${asString(owner.name)}`);
  });
  if (controllers.length > 1) {
    errors.push(
      field.invalid(
        'metadata.ownerReferences',
        owners,
        `Only one reference can have Controller set to true. Found "true" in references for ${controllers.join(' and ')}`,
      ),
    );
  }
  return errors;
}

/** The rules of ObjectMeta for every kind. Without `nameFormat` the name may be any path segment. */
export function checkMeta(item: Item, nameFormat: Format | undefined): FieldError[] {
  const { name, generateName } = item.metadata;
  const errors: FieldError[] = [];
  if (!name) errors.push(field.required('metadata.name', 'name or generateName is required'));
  else if (nameFormat) errors.push(...checkFormat(nameFormat, 'metadata.name', name));
  else if (/[/%]/.test(name) || name === '.' || name === '..') {
    const what = name.startsWith('.')
      ? `may not be '${name}'`
      : `may not contain '${name.includes('/') ? '/' : '%'}'`;
    errors.push(field.invalid('metadata.name', name, what));
  }
  // The name was made from generateName: report that field too.
  if (generateName && nameFormat && errors.length > 0)
    errors.unshift(...checkFormat(nameFormat, 'metadata.generateName', generateName.replace(/[-.]+$/, '')));
  return [
    ...errors,
    ...checkLabels(item.metadata.labels, 'metadata.labels'),
    ...checkAnnotations(item.metadata.annotations),
    ...checkOwners(item.metadata.ownerReferences),
    ...checkFinalizers(item.metadata.finalizers),
  ];
}
