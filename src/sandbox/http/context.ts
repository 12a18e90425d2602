// One request in the server's hands: what it asks for, of which resource, as whom. And how its parameters become a Call.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Call, User } from '../call.ts';
import type { Core } from '../operations/core.ts';
import type { ResourceType } from '../resources.ts';
import { ApiError } from '../status.ts';
import type { Obj } from '../types.ts';
import type { Accepted } from './accept.ts';
import { flag } from './query.ts';
import type { ResourceRoute } from './route.ts';
import type { View } from './shape.ts';
import type { WatchHub } from './watch.ts';

export interface Context {
  core: Core;
  hub: WatchHub;
  req: IncomingMessage;
  res: ServerResponse;
  query: URLSearchParams;
  route: ResourceRoute;
  type: ResourceType;
  accept: Accepted;
  call: Call;
}

const validations = ['Ignore', 'Strict', 'Warn'];

const badOption = (kind: string, field: string, value: string, supported: readonly string[]) => {
  const message = `Unsupported value: ${JSON.stringify(value)}: supported values: ${supported.map((s) => JSON.stringify(s)).join(', ')}`;
  return new ApiError(422, 'Invalid', `${kind}.meta.k8s.io "" is invalid: ${field}: ${message}`, {
    group: 'meta.k8s.io',
    kind,
    causes: [{ reason: 'FieldValueNotSupported', message, field }],
  });
};

const optionKinds: Record<string, string> = {
  POST: 'CreateOptions',
  PUT: 'UpdateOptions',
  PATCH: 'PatchOptions',
  DELETE: 'DeleteOptions',
};

/** The manager's name when none is given: the program's, from its user agent, as kube-apiserver does. */
function managerOf(agent: string | undefined): string {
  return (
    (agent ?? '')
      .split('/')[0]
      ?.replace(/[^\x20-\x7e]/g, '')
      .slice(0, 128) || 'unknown'
  );
}

export function callFor(req: IncomingMessage, query: URLSearchParams, user: User): Call {
  const kind = optionKinds[req.method ?? ''] ?? '';
  const dryRun = query.getAll('dryRun');
  for (const value of dryRun) if (value !== 'All') throw badOption(kind, 'dryRun', value, ['All']);
  const validation = query.get('fieldValidation') || 'Warn';
  if (!validations.includes(validation)) throw badOption(kind, 'fieldValidation', validation, validations);
  const manager = query.get('fieldManager') ?? '';
  const options: Obj = { kind, apiVersion: 'meta.k8s.io/v1' };
  if (dryRun.length > 0) options.dryRun = ['All'];
  if (manager) options.fieldManager = manager;
  if (query.has('fieldValidation')) options.fieldValidation = validation;
  if (query.has('force')) options.force = flag(query, 'force');
  return {
    user,
    dryRun: dryRun.length > 0,
    manager: manager || managerOf(req.headers['user-agent']),
    validation: validation as Call['validation'],
    options,
    warnings: [],
  };
}

export function viewOf({ type, accept, query, core }: Context): View {
  const include = query.get('includeObject');
  return {
    type,
    accept,
    include: include === 'Object' || include === 'None' ? include : 'Metadata',
    now: () => core.clock.now(),
  };
}
