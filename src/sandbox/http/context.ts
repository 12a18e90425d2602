// The context of one request: its resource, user and options. Also parses the options of writes into an ApiCall.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { own } from '../../runtime/own-keys.ts';
import type { ApiCall, User } from '../call.ts';
import type { Core } from '../operations/core.ts';
import type { ResourceType } from '../resources.ts';
import { ApiError, badRequest, type FieldError, field } from '../status.ts';
import type { Obj } from '../types.ts';
import type { Accepted } from './accept.ts';
import { flag } from './query.ts';
import type { ResourceRoute } from './route.ts';
import type { View } from './shape.ts';
import type { WatchHub } from './watch.ts';

export interface RequestContext {
  core: Core;
  hub: WatchHub;
  req: IncomingMessage;
  res: ServerResponse;
  query: URLSearchParams;
  route: ResourceRoute;
  type: ResourceType;
  accept: Accepted;
  call: ApiCall;
}

const fieldValidations = ['', 'Ignore', 'Strict', 'Warn'];

const optionInvalid = (kind: string, error: FieldError) =>
  new ApiError(422, 'Invalid', `${kind}.meta.k8s.io "" is invalid: ${error.field}: ${error.message}`, {
    group: 'meta.k8s.io',
    kind,
    causes: [error],
  });

const maxManagerBytes = 128;

/** The name of a field manager must be short and printable. */
function checkManager(kind: string, manager: string): void {
  if (Buffer.byteLength(manager) > maxManagerBytes)
    throw optionInvalid(kind, field.tooLong('fieldManager', maxManagerBytes));
  const at = [...manager].findIndex((letter) => /[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/u.test(letter));
  if (at < 0) return;
  const code = ([...manager][at]?.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
  throw optionInvalid(
    kind,
    field.invalid('fieldManager', manager, `invalid character U+${code} (at position ${at})`),
  );
}

const badOption = (kind: string, path: string, value: unknown, supported: readonly string[]) => {
  const message = `Unsupported value: ${JSON.stringify(value)}: supported values: ${supported.map((s) => JSON.stringify(s)).join(', ')}`;
  return optionInvalid(kind, { reason: 'FieldValueNotSupported', message, field: path });
};

const optionKinds: Record<string, string> = {
  POST: 'CreateOptions',
  PUT: 'UpdateOptions',
  PATCH: 'PatchOptions',
  DELETE: 'DeleteOptions',
};

/** The default name of a field manager: the program in the user agent, as in kube-apiserver. */
function managerOf(agent: string | undefined): string {
  return (
    (agent ?? '')
      .split('/')[0]
      ?.replace(/[^\x20-\x7e]/g, '')
      .slice(0, 128) || 'unknown'
  );
}

export function callFor(req: IncomingMessage, query: URLSearchParams, user: User): ApiCall {
  const kind = own(optionKinds, req.method ?? '') ?? '';
  const dryRun = query.getAll('dryRun');
  if (dryRun.some((value) => value !== 'All')) throw badOption(kind, 'dryRun', dryRun, ['All']);
  const validation = query.get('fieldValidation') || 'Warn';
  if (!fieldValidations.includes(validation))
    throw badOption(kind, 'fieldValidation', validation, fieldValidations);
  const manager = query.get('fieldManager') ?? '';
  checkManager(kind, manager);
  if (req.method === 'PATCH' && query.has('force') && !req.headers['content-type']?.includes('apply-patch'))
    throw optionInvalid(kind, field.forbidden('force', 'may not be specified for non-apply patch'));
  const options: Obj = { kind, apiVersion: 'meta.k8s.io/v1' };
  if (dryRun.length > 0) options.dryRun = ['All'];
  if (manager) options.fieldManager = manager;
  if (query.has('fieldValidation')) options.fieldValidation = validation;
  if (query.has('force')) options.force = flag(query, 'force');
  return {
    user,
    dryRun: dryRun.length > 0,
    manager: manager || managerOf(req.headers['user-agent']),
    validation: validation as ApiCall['validation'],
    options,
    warnings: [],
  };
}

export function viewOf({ type, accept, query, core }: RequestContext): View {
  const include = query.get('includeObject');
  if (accept.shape === 'table' && include && !['Metadata', 'Object', 'None'].includes(include))
    throw badRequest(
      `Unable to convert to Table as requested: includeObject: Invalid value: ${JSON.stringify(include)}: must be 'Metadata', 'Object', 'None', or empty`,
    );
  return {
    type,
    accept,
    include: include === 'Object' || include === 'None' ? include : 'Metadata',
    now: () => core.clock.now(),
  };
}
