// Subresources with a format of their own, and the finalizers of a namespace. `status` is only another part of the
// object and goes through the ordinary verbs.

import { own } from '../../runtime/own-keys.ts';
import { update } from '../operations/update.ts';
import { methodNotAllowed, noSuchPath, notFound } from '../status.ts';
import { asStrings, dig } from '../types.ts';
import { decodeObject, mediaType, readBody } from './body.ts';
import type { RequestContext } from './context.ts';
import { eviction } from './eviction.ts';
import type { Answer } from './respond.ts';
import { scale } from './scale.ts';

async function finalize(context: RequestContext): Promise<Answer> {
  const { req, core, type, call, route } = context;
  if (req.method !== 'PUT') throw methodNotAllowed();
  const given = decodeObject(await readBody(req), mediaType(req), type.kind, type.typeName);
  const finalizers = asStrings(dig(given, 'spec.finalizers'));
  const target = { namespace: '', name: route.name, subresource: 'finalize' };
  const { item } = await update(core, call, type, target, (live) => {
    live.spec = finalizers.length > 0 ? { finalizers } : {};
    return live;
  });
  return { code: 200, json: JSON.stringify(item) };
}

type Handler = (context: RequestContext) => Promise<Answer>;
const builtIn: Record<string, Handler> = { '/pods/eviction': eviction, '/namespaces/finalize': finalize };

/**
 * The handler of a subresource other than `status`. Throws 404 when the kind has no such subresource. `extra`: more
 * handlers, with keys like those of `builtIn`.
 */
export function subresource({ type, route }: RequestContext, extra: Record<string, Handler>): Handler {
  if (route.subresource === 'scale' && type.scale) return scale;
  const key = `${type.table}/${route.subresource}`;
  const handler = own(builtIn, key) ?? own(extra, key);
  if (!handler && !type.builtin) throw notFound(type, route.name);
  if (!handler) throw noSuchPath();
  return handler;
}
