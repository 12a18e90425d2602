// POST …/pods/NAME/eviction: a delete that disruption budgets may refuse.

import { evict } from '../operations/evict.ts';
import { badRequest, methodNotAllowed, success } from '../status.ts';
import { asObj, asStrings, type Item } from '../types.ts';
import { decodeObject, mediaType, readBody } from './body.ts';
import type { RequestContext } from './context.ts';
import type { Answer } from './respond.ts';

export async function eviction(context: RequestContext): Promise<Answer> {
  const { req, core, type, call, route } = context;
  if (req.method !== 'POST') throw methodNotAllowed();
  const given = decodeObject(await readBody(req), mediaType(req), 'Eviction', 'Eviction') as Item;
  const name = asObj(given.metadata).name;
  if (name !== undefined && name !== route.name)
    throw badRequest('name in URL does not match name in Eviction object');
  if (asStrings(asObj(given.deleteOptions).dryRun).includes('All')) call.dryRun = true;
  await evict(core, call, type, { namespace: route.namespace, name: route.name }, given);
  return { code: 201, json: JSON.stringify({ ...success({}), details: undefined, code: 201 }) };
}
