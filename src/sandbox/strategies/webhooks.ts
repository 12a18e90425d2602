// Validates webhook configurations. Pure, but fills in the port of a service.

import { compile } from '../admission/conditions.ts';
import type { Strategy } from '../resources.ts';
import { type FieldError, field } from '../status.ts';
import { asList, asNumber, asObj, asString, asStrings, type Item, isObj, type Obj } from '../types.ts';
import { checkSelector } from './apps.ts';
import { formatError, formats } from './names.ts';

const choices: Record<string, readonly string[]> = {
  failurePolicy: ['Fail', 'Ignore'],
  matchPolicy: ['Equivalent', 'Exact'],
  sideEffects: ['None', 'NoneOnDryRun'],
  reinvocationPolicy: ['IfNeeded', 'Never'],
};
const scopes = ['*', 'Cluster', 'Namespaced'];
/** How error texts call these fields. */
const others: Record<string, string> = { apiGroups: 'API groups', apiVersions: 'API versions' };
const mustBeAlone = (star: string, what: string) =>
  `if '${star}' is present, must not specify other ${others[what] ?? what}`;
const operations = ['*', 'CONNECT', 'CREATE', 'DELETE', 'UPDATE'];

function checkClientConfig(config: Obj, path: string): FieldError[] {
  const url = asString(config.url);
  const service = config.service;
  if (Boolean(url) === isObj(service))
    return [field.required(path, 'exactly one of url or service is required')];
  if (isObj(service)) {
    if (service.port === undefined) service.port = 443;
    return [
      ...['namespace', 'name'].flatMap((name) =>
        service[name] ? [] : [field.required(`${path}.service.${name}`)],
      ),
      ...checkServicePath(service.path, `${path}.service.path`),
    ];
  }
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch {
    return [
      field.invalid(`${path}.url`, url, 'url must be a valid URL: the format is https://host[:port]/path'),
    ];
  }
  const errors: FieldError[] = [];
  const add = (part: string, why: string) => errors.push(field.invalid(`${path}.url`, part, why));
  if (parsed.protocol !== 'https:')
    errors.push(
      field.invalid(
        `${path}.url`,
        parsed.protocol.slice(0, -1),
        "'https' is the only allowed URL scheme; desired format: https://host[/path]",
      ),
    );
  if (parsed.search) add(parsed.search.slice(1), 'query parameters are not permitted in the URL');
  if (parsed.username) add(parsed.username, 'user information is not permitted in the URL');
  return errors;
}

/** Each segment must be a DNS subdomain (apimachinery's ValidateWebhookService). */
function checkServicePath(given: unknown, at: string): FieldError[] {
  const path = asString(given);
  if (path === '' || path === '/') return [];
  const errors = path.startsWith('/') ? [] : [field.invalid(at, path, "must start with a '/'")];
  const segments = path === '//' ? [''] : path.slice(1).replace(/\/$/, '').split('/');
  return segments.reduce((all, segment, index) => {
    const wrong = formatError(formats.subdomain, segment);
    if (segment === '') all.push(field.invalid(at, path, `segment[${index}] may not be empty`));
    else if (wrong) all.push(field.invalid(at, path, `segment[${index}]: ${wrong}`));
    return all;
  }, errors);
}

function checkRules(webhook: Obj, path: string): FieldError[] {
  return asList(webhook.rules).flatMap((rule, i) => {
    const at = `${path}.rules[${i}]`;
    const errors: FieldError[] = [];
    for (const name of ['operations', 'apiGroups', 'apiVersions', 'resources'])
      if (asStrings(rule[name]).length === 0) errors.push(field.required(`${at}.${name}`));
    asStrings(rule.operations).forEach((operation, n) => {
      if (!operations.includes(operation))
        errors.push(field.unsupported(`${at}.operations[${n}]`, operation, operations));
    });
    for (const name of ['operations', 'apiGroups', 'apiVersions']) {
      const values = asStrings(rule[name]);
      if (values.length > 1 && values.includes('*'))
        errors.push(field.invalid(`${at}.${name}`, values, mustBeAlone('*', name)));
    }
    const resources = asStrings(rule.resources);
    if (resources.length > 1 && resources.includes('*/*'))
      errors.push(field.invalid(`${at}.resources`, resources, mustBeAlone('*/*', 'resources')));
    if (rule.scope !== undefined && !scopes.includes(asString(rule.scope)))
      errors.push(field.unsupported(`${at}.scope`, rule.scope, scopes));
    return errors;
  });
}

function checkConditions(webhook: Obj, path: string): FieldError[] {
  const conditions = asList(webhook.matchConditions);
  const at = `${path}.matchConditions`;
  const names = new Set<string>();
  return conditions.flatMap((condition, n) => {
    const name = asString(condition.name);
    const expression = asString(condition.expression).trim();
    const errors: FieldError[] = [];
    if (!name) errors.push(field.required(`${at}[${n}].name`));
    else if (names.has(name)) errors.push(field.duplicate(`${at}[${n}].name`, name));
    names.add(name);
    if (!expression) return [...errors, field.required(`${at}[${n}].expression`)];
    try {
      compile(expression);
    } catch (error) {
      const [line] = (error as Error).message.split('\n');
      errors.push(field.invalid(`${at}[${n}].expression`, expression, `compilation failed: ${line}`));
    }
    return errors;
  });
}

function validate(item: Item): FieldError[] {
  const names = new Set<string>();
  return asList(item.webhooks).flatMap((webhook, i) => {
    const path = `webhooks[${i}]`;
    const name = asString(webhook.name);
    const errors: FieldError[] = [];
    const wrong = formatError(formats.subdomain, name);
    if (wrong) errors.push(field.invalid(`${path}.name`, name, wrong));
    else if (name.split('.').length < 3)
      errors.push(
        field.invalid(
          `${path}.name`,
          name,
          'should be a domain with at least three segments separated by dots',
        ),
      );
    if (names.has(name)) errors.push(field.duplicate(`${path}.name`, name));
    names.add(name);
    for (const [option, allowed] of Object.entries(choices)) {
      const value = webhook[option];
      if (value !== undefined && !allowed.includes(asString(value)))
        errors.push(field.unsupported(`${path}.${option}`, value, allowed));
    }
    if (webhook.sideEffects === undefined)
      errors.push(field.required(`${path}.sideEffects`, 'must specify one of None, NoneOnDryRun'));
    for (const name of ['namespaceSelector', 'objectSelector'])
      if (webhook[name]) errors.push(...checkSelector(webhook[name], `${path}.${name}`));
    errors.push(...checkConditions(webhook, path));
    const versions = asStrings(webhook.admissionReviewVersions);
    if (versions.length === 0)
      errors.push(field.required(`${path}.admissionReviewVersions`, 'must specify one of v1, v1beta1'));
    if (versions.length > 0 && !versions.includes('v1'))
      errors.push(
        field.invalid(
          `${path}.admissionReviewVersions`,
          versions,
          'must include at least one of v1, v1beta1',
        ),
      );
    const timeout = asNumber(webhook.timeoutSeconds, 10);
    if (timeout < 1 || timeout > 30)
      errors.push(
        field.invalid(
          `${path}.timeoutSeconds`,
          timeout,
          'the timeout value must be between 1 and 30 seconds',
        ),
      );
    return [
      ...errors,
      ...checkRules(webhook, path),
      ...checkClientConfig(asObj(webhook.clientConfig), `${path}.clientConfig`),
    ];
  });
}

export const webhookStrategy: Strategy = { validate };
