// Subresources with a form of their own: scale, eviction, a namespace's finalizers. `status` is no more than
// another part of the object and goes through the ordinary verbs.

import { remove } from '../operations/delete.ts';
import { update } from '../operations/update.ts';
import { jsonPatch, mergePatch } from '../patch/json.ts';
import { load, type ResourceType, type ScalePaths } from '../resources.ts';
import {
  ApiError,
  badRequest,
  field,
  invalid,
  methodNotAllowed,
  noSuchPath,
  notFound,
  success,
  unsupportedMedia,
} from '../status.ts';
import { asNumber, asObj, asString, asStrings, dig, type Item, isObj, type Obj, put } from '../types.ts';
import { decodeObject, mediaType, readBody } from './body.ts';
import type { Context } from './context.ts';
import { decodePatch } from './patch.ts';
import type { Answer } from './respond.ts';
import { entryAt } from './verbs.ts';

function selectorText(selector: unknown): string {
  if (typeof selector === 'string') return selector;
  const { matchLabels, matchExpressions } = asObj(selector);
  const labels = Object.entries(asObj(matchLabels)).map(([key, value]) => `${key}=${value}`);
  const texts: Record<string, (key: unknown, values: string) => string> = {
    In: (key, values) => `${key} in (${values})`,
    NotIn: (key, values) => `${key} notin (${values})`,
    Exists: (key) => `${key}`,
    DoesNotExist: (key) => `!${key}`,
  };
  const expressions = Array.isArray(matchExpressions) ? matchExpressions : [];
  return [
    ...labels,
    ...expressions.map((e) => texts[asString(e.operator)]?.(e.key, asStrings(e.values).join(',')) ?? ''),
  ].join(',');
}

function scaleOf(paths: ScalePaths, item: Item): Item {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = item.metadata;
  const selector = paths.selector ? selectorText(dig(item, paths.selector)) : '';
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name, ...(namespace ? { namespace } : {}), uid, resourceVersion, creationTimestamp },
    spec: { replicas: asNumber(dig(item, paths.spec)) },
    status: { replicas: asNumber(dig(item, paths.status)), ...(selector ? { selector } : {}) },
  };
}

function withScale(paths: ScalePaths, type: ResourceType, live: Item, scale: Obj): Item {
  const replicas = asNumber(dig(scale, 'spec.replicas'));
  if (replicas < 0 && !type.builtin)
    throw invalid(type, live.metadata.name, [
      field.invalid(`.${paths.spec}`, replicas, 'should be a non-negative integer'),
    ]);
  if (replicas < 0) {
    throw invalid({ group: 'autoscaling', kind: 'Scale' }, live.metadata.name, [
      field.invalid('spec.replicas', replicas, 'must be greater than or equal to 0'),
    ]);
  }
  const named = asString(dig(scale, 'metadata.resourceVersion'));
  put(live, paths.spec, replicas);
  if (named) live.metadata.resourceVersion = named;
  else delete (live.metadata as Partial<Item['metadata']>).resourceVersion;
  return live;
}

/** A scale as a PUT sends it is an object of its own kind. */
function checkScale(given: Obj, name: string): void {
  const { kind, apiVersion } = given;
  if (kind && kind !== 'Scale')
    throw badRequest(
      `${kind} in version "v1" cannot be handled as a Scale: no kind ${JSON.stringify(kind)} is registered for version "autoscaling/v1"`,
    );
  if (apiVersion && apiVersion !== 'autoscaling/v1')
    throw badRequest(
      `the API version in the data (${apiVersion}) does not match the expected API version (autoscaling/v1)`,
    );
  const named = dig(given, 'metadata.name');
  if (named && named !== name)
    throw badRequest(`the name of the object (${named}) does not match the name on the URL (${name})`);
  const replicas = dig(given, 'spec.replicas');
  if (replicas !== undefined && typeof replicas !== 'number')
    throw badRequest(
      `Scale in version "v1" cannot be handled as a Scale: json: cannot unmarshal ${typeof replicas} into Go struct field ScaleSpec.spec.replicas of type int32`,
    );
}

async function scale(context: Context): Promise<Answer> {
  const { req, type, core, call, route } = context;
  const paths = type.scale as ScalePaths;
  if (req.method === 'GET')
    return { code: 200, json: JSON.stringify(scaleOf(paths, load(type, entryAt(context)))) };
  if (req.method !== 'PUT' && req.method !== 'PATCH') throw methodNotAllowed();
  entryAt(context);
  const body = await readBody(req);
  const change = req.method === 'PUT' ? decodeObject(body, mediaType(req), 'Scale', 'Scale') : undefined;
  const patch = change ? undefined : decodePatch(body);
  const media = mediaType(req);
  const target = { namespace: route.namespace, name: route.name, subresource: '' };
  if (change) checkScale(change, route.name);
  const { item } = await update(core, type, call, target, (live) => {
    const current = scaleOf(paths, live);
    const wanted =
      change ??
      (media === 'application/json-patch+json' ? jsonPatch(current, patch) : mergePatch(current, patch));
    if (media.includes('apply-patch'))
      throw unsupportedMedia([
        'application/json-patch+json',
        'application/merge-patch+json',
        'application/strategic-merge-patch+json',
      ]);
    return withScale(paths, type, live, asObj(wanted));
  });
  return { code: 200, json: JSON.stringify(scaleOf(paths, item)) };
}

/** Removes a pod unless a disruption budget that covers it has none left. */
async function eviction(context: Context): Promise<Answer> {
  const { req, core, type, call, route } = context;
  if (req.method !== 'POST') throw methodNotAllowed();
  const given = decodeObject(await readBody(req), mediaType(req), 'Eviction', 'Eviction');
  const options = isObj(given.deleteOptions) ? given.deleteOptions : {};
  await remove(core, type, { namespace: route.namespace, name: route.name }, options, call);
  return { code: 201, json: JSON.stringify({ ...success({}), details: undefined, code: 201 }) };
}

async function finalize(context: Context): Promise<Answer> {
  const { req, core, type, call, route } = context;
  if (req.method !== 'PUT') throw methodNotAllowed();
  const given = decodeObject(await readBody(req), mediaType(req), type.kind, type.typeName);
  const finalizers = asStrings(dig(given, 'spec.finalizers'));
  const target = { namespace: '', name: route.name, subresource: 'finalize' };
  const { item } = await update(core, type, call, target, (live) => {
    live.spec = finalizers.length > 0 ? { finalizers } : {};
    return live;
  });
  return { code: 200, json: JSON.stringify(item) };
}

type Handler = (context: Context) => Promise<Answer>;
const own: Record<string, Handler> = { '/pods/eviction': eviction, '/namespaces/finalize': finalize };

/** The handler of a subresource that is not `status`; throws 404 when the kind has none of that name. */
export function subresource({ type, route }: Context, extra: Record<string, Handler>): Handler {
  if (route.subresource === 'scale' && type.scale) return scale;
  const key = `${type.table}/${route.subresource}`;
  const handler = own[key] ?? extra[key];
  if (!handler && !type.builtin) throw notFound(type, route.name);
  if (!handler) throw noSuchPath();
  return handler;
}

export { ApiError, badRequest };
