// The scale subresource shows the replicas of an object as an autoscaling/v1 Scale. Webhooks see the Scale instead of
// the object.

import { own } from '../../runtime/own-keys.ts';
import { type Form, update } from '../operations/update.ts';
import { jsonPatch, mergePatch } from '../patch/json.ts';
import { load, type ResourceType, type ScalePaths } from '../resources.ts';
import { badRequest, field, invalid, methodNotAllowed, unsupportedMedia } from '../status.ts';
import { asNumber, asObj, asString, asStrings, dig, type Item, type Obj, put } from '../types.ts';
import { decodeObject, mediaType, readBody } from './body.ts';
import type { RequestContext } from './context.ts';
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
    ...expressions.map((e) => own(texts, asString(e.operator))?.(e.key, asStrings(e.values).join(',')) ?? ''),
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
  const expectedVersion = asString(dig(scale, 'metadata.resourceVersion'));
  put(live, paths.spec, replicas);
  // Without a resourceVersion the write has no precondition.
  if (expectedVersion) live.metadata.resourceVersion = expectedVersion;
  else delete (live.metadata as Partial<Item['metadata']>).resourceVersion;
  return live;
}

/** How webhooks see and change the object through its Scale. */
const formOf = (paths: ScalePaths, type: ResourceType): Form => ({
  kind: { group: 'autoscaling', version: 'v1', kind: 'Scale' },
  show: (item) => scaleOf(paths, item),
  take: (item, shown) => withScale(paths, type, item, shown),
});

/** The body of a PUT must be a Scale with this name. */
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

export async function scale(context: RequestContext): Promise<Answer> {
  const { req, type, core, call, route } = context;
  const paths = type.scale as ScalePaths;
  if (req.method === 'GET')
    return { code: 200, json: JSON.stringify(scaleOf(paths, load(type, entryAt(context)))) };
  if (req.method !== 'PUT' && req.method !== 'PATCH') throw methodNotAllowed();
  // Throws 404 before it reads the body.
  entryAt(context);
  const body = await readBody(req);
  const replacement = req.method === 'PUT' ? decodeObject(body, mediaType(req), 'Scale', 'Scale') : undefined;
  const patch = replacement ? undefined : decodePatch(body);
  if (replacement) checkScale(replacement, route.name);
  const media = mediaType(req);
  const form = formOf(paths, type);
  const target = { namespace: route.namespace, name: route.name, subresource: 'scale', form };
  const { item } = await update(core, call, type, target, (live) => {
    const current = scaleOf(paths, live);
    const wanted =
      replacement ??
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
