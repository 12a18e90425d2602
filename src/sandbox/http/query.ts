// Query parameters of the API: parses and checks them. Pure.

import type { ResourceType } from '../resources.ts';
import { type FieldTerm, parseFieldQuery, parseLabelQuery, type Requirement } from '../selectors.ts';
import { ApiError, badRequest } from '../status.ts';

export interface Selection {
  labels: Requirement[];
  fields: FieldTerm[];
}

export function selection(query: URLSearchParams, type: ResourceType): Selection {
  const labels = query.get('labelSelector') ?? '';
  const fields = query.get('fieldSelector') ?? '';
  return { labels: parseLabelQuery(labels), fields: parseFieldQuery(fields, type.selectable, type.builtin) };
}

export function flag(query: URLSearchParams, name: string): boolean {
  const value = query.get(name);
  return value !== null && value !== '0' && value !== 'false';
}

/** A whole number. Undefined when the parameter is absent or empty. */
export function number(query: URLSearchParams, name: string): number | undefined {
  const value = query.get(name);
  if (value === null || value === '') return undefined;
  if (!/^-?\d+$/.test(value))
    throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(value)}: invalid syntax`);
  return Number(value);
}

/** `prefix`: text before the message about an invalid version. */
export function resourceVersion(query: URLSearchParams, prefix = ''): number | undefined {
  const value = query.get('resourceVersion');
  if (value === null || value === '') return undefined;
  if (!/^\d{1,15}$/.test(value))
    throw badRequest(
      `${prefix}resourceVersion: Invalid value: ${JSON.stringify(value)}: strconv.ParseUint: parsing ${JSON.stringify(value)}: invalid syntax`,
    );
  return Number(value);
}

const listInvalid = (message: string, field: string) =>
  new ApiError(422, 'Invalid', `ListOptions.meta.k8s.io "" is invalid: ${field}: ${message}`, {
    group: 'meta.k8s.io',
    kind: 'ListOptions',
    causes: [
      {
        reason: message.startsWith('Forbidden') ? 'FieldValueForbidden' : 'FieldValueNotSupported',
        message,
        field,
      },
    ],
  });

export interface ListOptions {
  /** resourceVersion. */
  rv: number | undefined;
  /** resourceVersionMatch=Exact: list the state at `rv`, not the current one. */
  exact: boolean;
  limit: number | undefined;
  token: Token | undefined;
}

export function listOptions(query: URLSearchParams): ListOptions {
  const match = query.get('resourceVersionMatch') ?? '';
  const rv = resourceVersion(query, 'invalid resource version: ');
  const continueText = query.get('continue') ?? '';
  if (match && continueText)
    throw listInvalid(
      'Forbidden: resourceVersionMatch is forbidden when continue is provided',
      'resourceVersionMatch',
    );
  if (match && rv === undefined && !flag(query, 'watch'))
    throw listInvalid(
      'Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided',
      'resourceVersionMatch',
    );
  if (match && match !== 'Exact' && match !== 'NotOlderThan')
    throw listInvalid(
      `Unsupported value: ${JSON.stringify(match)}: supported values: "Exact", "NotOlderThan", ""`,
      'resourceVersionMatch',
    );
  if (match === 'Exact' && rv === 0)
    throw listInvalid(
      'Forbidden: resourceVersionMatch "Exact" is forbidden for resourceVersion "0"',
      'resourceVersionMatch',
    );
  const limit = number(query, 'limit');
  if (continueText && rv !== undefined && rv > 0)
    throw badRequest('specifying resource version is not allowed when using continue');
  return {
    rv,
    exact: match === 'Exact',
    limit: limit && limit > 0 ? limit : undefined,
    token: continueText ? readToken(continueText) : undefined,
  };
}

/** Where a paged list continues: after `start`, at version `rv` (-1: the current one). */
export interface Token {
  rv: number;
  start: string;
}

export const writeToken = (token: Token): string =>
  Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', rv: token.rv, start: token.start })).toString(
    'base64url',
  );

function readToken(text: string): Token {
  try {
    const { v, rv, start } = JSON.parse(Buffer.from(text, 'base64url').toString()) as {
      v: string;
      rv: number;
      start: string;
    };
    if (v !== 'meta.k8s.io/v1') throw new Error(`version ${JSON.stringify(v)} not recognized`);
    if (!Number.isInteger(rv) || typeof start !== 'string' || start === '')
      throw new Error('incorrect encoded start resourceVersion');
    return { rv, start };
  } catch (error) {
    throw badRequest(`continue key is not valid: ${(error as Error).message}`);
  }
}
