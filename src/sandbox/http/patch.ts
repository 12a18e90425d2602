// PATCH: the four patch types by media type, each a function from the stored object to the new one.

import { joinKey } from '../../kube/objects.ts';
import { own } from '../../runtime/own-keys.ts';
import { apply } from '../fields/managed.ts';
import { duplicateKey } from '../fields/typed.ts';
import { cannotHandle, checkIdentity, type Written } from '../operations/core.ts';
import { create } from '../operations/create.ts';
import { update } from '../operations/update.ts';
import { jsonPatch, mergePatch } from '../patch/json.ts';
import { strategicPatch } from '../patch/strategic.ts';
import { apiVersionOf, type ResourceType } from '../resources.ts';
import { decodeError } from '../schema/gotypes.ts';
import { prepare } from '../schema/schema.ts';
import { ApiError, badRequest, unsupportedMedia } from '../status.ts';
import { asObj, clone, type Item, isObj, type Obj } from '../types.ts';
import { decodeYaml, mediaType, readBody } from './body.ts';
import type { RequestContext } from './context.ts';
import { flag } from './query.ts';
import type { Answer } from './respond.ts';
import { writtenAnswer } from './verbs.ts';

type Patcher = (context: RequestContext, live: Item, patch: unknown) => Item;

const asMergePatch = (patch: unknown): Obj => {
  if (!isObj(patch))
    throw badRequest(
      'error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}',
    );
  return patch;
};

const maxOperations = 10_000;

const limitOperations = (patch: unknown): unknown => {
  if (Array.isArray(patch) && patch.length > maxOperations)
    throw new ApiError(
      413,
      'RequestEntityTooLarge',
      `Request entity too large: The allowed maximum operations in a JSON patch is ${maxOperations}, got ${patch.length}`,
    );
  return patch;
};

const patchers: Record<string, Patcher> = {
  'application/json-patch+json': (_, live, patch) => jsonPatch(live, limitOperations(patch)) as Item,
  'application/merge-patch+json': (_, live, patch) => mergePatch(live, asMergePatch(patch)) as Item,
  'application/strategic-merge-patch+json': ({ type }, live, patch) =>
    strategicPatch(type.schema, live, asMergePatch(patch)) as Item,
};
const applyType = 'application/apply-patch+yaml';

/** The patch types of a kind. Strategic merge needs Go types, which custom resources lack. */
const typesFor = (builtin: boolean) =>
  [...Object.keys(patchers), applyType].filter((type) => builtin || !type.includes('strategic'));

export function decodePatch(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch (error) {
    throw badRequest(`error decoding patch: ${(error as Error).message}`);
  }
}

export async function patch(context: RequestContext): Promise<Answer> {
  const { req, type } = context;
  const media = mediaType(req);
  const body = await readBody(req);
  if (!typesFor(type.builtin).includes(media)) throw unsupportedMedia(typesFor(type.builtin));
  if (media === applyType) return serverSideApply(context, body);
  const patcher = own(patchers, media) as Patcher;
  const wanted = decodePatch(body);
  return writtenAnswer(context, 200, await patchWith(context, (live) => patcher(context, live, wanted)));
}

function patchWith(context: RequestContext, change: (live: Item) => Item): Promise<Written> {
  const { core, type, call, route } = context;
  const target = { namespace: route.namespace, name: route.name, subresource: route.subresource };
  return update(core, call, type, target, change);
}

const optionsInvalid = (path: string, message: string) =>
  new ApiError(422, 'Invalid', `PatchOptions.meta.k8s.io "" is invalid: ${path}: ${message}`, {
    group: 'meta.k8s.io',
    kind: 'PatchOptions',
    causes: [
      {
        reason: message.startsWith('Required') ? 'FieldValueRequired' : 'FieldValueForbidden',
        message,
        field: path,
      },
    ],
  });

async function serverSideApply(context: RequestContext, body: Buffer): Promise<Answer> {
  const { core, type, call, route, query } = context;
  const manager = query.get('fieldManager');
  if (!manager) throw optionsInvalid('fieldManager', 'Required value: is required for apply patch');
  const config = configOf(context, decodeYaml(body));
  const options = {
    manager,
    force: flag(query, 'force'),
    subresource: route.subresource,
    now: core.clock.now(),
  };
  const exists = core.store.table(type.table).get(joinKey(route.namespace, route.name));
  if (!exists && route.subresource === '') {
    const item = apply(type, undefined, config, options);
    const written = await create(core, call, type, { namespace: route.namespace, applied: true }, item);
    return writtenAnswer(context, 201, written);
  }
  const target = {
    namespace: route.namespace,
    name: route.name,
    subresource: route.subresource,
    applied: true,
  };
  const written = await update(core, call, type, target, (live) => {
    const wanted = clone(config);
    if (type.status && route.subresource === '') delete wanted.status;
    return apply(type, live, wanted, options);
  });
  return writtenAnswer(context, 200, written);
}

/**
 * Checks the client's configuration and removes nulls. Adds no defaults, because the client did not apply them and so
 * must not own them.
 */
function configOf({ type, route }: RequestContext, value: unknown): Item {
  if (!isObj(value)) throw badRequest('error decoding YAML: expected an object');
  const config = value as Item;
  if (config.apiVersion === apiVersionOf(type) && config.kind !== type.kind) checkIdentity(type, config);
  if (config.apiVersion !== apiVersionOf(type))
    throw badRequest(
      `Incorrect version specified in apply patch. Specified patch version: ${config.apiVersion}, expected: ${apiVersionOf(type)}`,
    );
  const metadata = asObj(config.metadata) as Obj;
  const { namespace = '' } = metadata;
  if (metadata.managedFields !== undefined && metadata.managedFields !== null)
    throw badRequest('metadata.managedFields must be nil');
  if (metadata.name !== undefined && metadata.name !== route.name)
    throw badRequest(
      `the name of the object (${metadata.name}) does not match the name on the URL (${route.name})`,
    );
  metadata.name = route.name;
  if (type.namespaced) metadata.namespace ??= route.namespace;
  // The server sets these fields. A resourceVersion stays, because it is a precondition.
  for (const name of ['uid', 'creationTimestamp', 'resourceVersion', 'generation']) {
    if (name !== 'resourceVersion' || metadata[name] === null) delete metadata[name];
  }
  config.metadata = metadata as unknown as Item['metadata'];
  const typeError = type.builtin ? decodeError(type.schema, config, type.kind) : undefined;
  if (typeError) throw cannotHandle(type, typeError);
  const applied = stripNulls(config) as Item;
  const reason = type.builtin ? whyNotOwnable(type, applied) : undefined;
  if (reason) {
    const what = `${namespace}/${route.name}; ${type.group}/${type.version}, Kind=${type.kind}`;
    throw new ApiError(500, '', `failed to create typed patch object (${what}): ${reason}`);
  }
  return applied;
}

/** Why nobody can own the fields of the configuration: it has an unknown field, or the same list element twice. */
function whyNotOwnable(type: ResourceType, config: Item): string | undefined {
  const { unknown } = prepare(type.schema, clone(config), { prune: false, isRoot: true });
  return unknown[0] ? `.${unknown[0]}: field not declared in schema` : duplicateKey(type.schema, config);
}

function stripNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(stripNulls);
  if (!isObj(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, v]) => v !== null)
      .map(([k, v]) => [k, stripNulls(v)]),
  );
}
