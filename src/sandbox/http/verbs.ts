// The verbs on resources, from request to answer. operations/ and patch/ implement them.

import { joinKey } from '../../kube/objects.ts';
import type { Written } from '../operations/core.ts';
import { create } from '../operations/create.ts';
import { checkDeleteOptions, remove } from '../operations/delete.ts';
import { update } from '../operations/update.ts';
import { decodeProtobuf } from '../protobuf/decode.ts';
import { badRequest, notAcceptable, notFound, success, tooLargeVersion, wrongShape } from '../status.ts';
import type { Entry } from '../store/entry.ts';
import { asObj, asString, type Item, isObj, type Obj } from '../types.ts';
import { decodeJson, decodeObject, decodeYaml, mediaType, protobufType, readBody } from './body.ts';
import { type RequestContext, viewOf } from './context.ts';
import { page, sendPage } from './list.ts';
import { flag, listOptions, number, resourceVersion, selection } from './query.ts';
import type { Answer } from './respond.ts';
import { listHead, listItem, single } from './shape.ts';

export function entryAt(context: RequestContext): Entry {
  const { core, route, type } = context;
  // Make waiting writes durable first: a read must not show what a crash could still undo.
  core.store.settle();
  const entry = core.store.table(type.table).get(joinKey(route.namespace, route.name));
  if (!entry) throw notFound(type, route.name);
  return entry;
}

/** The answer to a write, in the requested format. */
export function writtenAnswer(context: RequestContext, code: number, { item, entry }: Written): Answer {
  const plain = context.accept.shape === 'object';
  if (entry) return { code, json: single(viewOf(context), entry) };
  if (plain) return { code, json: JSON.stringify(item) };
  // A dry run has no stored entry, so make one for the formatter.
  const json = JSON.stringify(item);
  const meta = item.metadata;
  const shown: Entry = {
    table: context.type.table,
    key: joinKey(meta.namespace ?? '', meta.name),
    namespace: meta.namespace ?? '',
    name: meta.name,
    uid: meta.uid,
    rv: Number(meta.resourceVersion ?? 0),
    json,
    labels: meta.labels,
    deleting: false,
    owners: undefined,
  };
  return { code, json: single(viewOf(context), shown) };
}

export async function get(context: RequestContext): Promise<Answer> {
  const rv = resourceVersion(context.query);
  const { version } = context.core.store;
  if (context.accept.shape === 'metadataList')
    throw wrongShape('PartialObjectMetadataList', context.type.kind, false);
  if (rv !== undefined && rv > version) throw tooLargeVersion(rv, version);
  return { code: 200, json: single(viewOf(context), entryAt(context)) };
}

export async function list(context: RequestContext): Promise<undefined> {
  const view = viewOf(context);
  if (context.accept.shape === 'metadata')
    throw wrongShape('PartialObjectMetadata', context.type.listKind, true);
  const chosen = selection(context.query, context.type);
  const found = page(context.core.store, view, context.route.namespace, chosen, listOptions(context.query));
  await sendPage(context.res, view, found);
  return undefined;
}

/** The duration of a watch without timeoutSeconds: 30 to 60 minutes, so that watches do not all end at once. */
const watchMinutes = () => 30 + Math.random() * 30;

const streams = ['application/json;stream=watch', 'application/vnd.kubernetes.protobuf;stream=watch'];

export async function watch(context: RequestContext): Promise<undefined> {
  const { query, route, type } = context;
  if (context.accept.yaml) throw notAcceptable(streams);
  const chosen = selection(query, type);
  if (route.name) chosen.fields.push({ path: 'metadata.name', equals: true, value: route.name });
  const seconds = number(query, 'timeoutSeconds');
  context.hub.start(context.res, {
    view: viewOf(context),
    namespace: route.namespace,
    selection: chosen,
    rv: resourceVersion(query),
    bookmarks: flag(query, 'allowWatchBookmarks'),
    initialEvents: query.has('sendInitialEvents') ? flag(query, 'sendInitialEvents') : undefined,
    timeoutMs: seconds ? seconds * 1000 : watchMinutes() * 60_000,
  });
  return undefined;
}

export async function post(context: RequestContext): Promise<Answer> {
  const { core, type, call, route, req } = context;
  const item = decodeObject(await readBody(req), mediaType(req), type.kind, type.typeName) as Item;
  const written = await create(core, call, type, { namespace: route.namespace }, withTypeMeta(context, item));
  return writtenAnswer(context, 201, written);
}

/** Adds missing apiVersion and kind to an object of a built-in kind. Custom resources must have both. */
function withTypeMeta({ type }: RequestContext, item: Item): Item {
  if (!type.builtin) return item;
  item.apiVersion ||= type.group ? `${type.group}/${type.version}` : type.version;
  item.kind ||= type.kind;
  return item;
}

export async function replace(context: RequestContext): Promise<Answer> {
  const { core, type, call, route, req } = context;
  const item = withTypeMeta(
    context,
    decodeObject(await readBody(req), mediaType(req), type.kind, type.typeName) as Item,
  );
  const name = asObj(item.metadata).name;
  if (name !== route.name)
    throw badRequest(
      name
        ? `the name of the object (${name}) does not match the name on the URL (${route.name})`
        : 'name must be provided',
    );
  // update() calls the function again after a conflict, and each call must return a fresh copy.
  const text = JSON.stringify(item);
  const target = {
    namespace: route.namespace,
    name: route.name,
    subresource: route.subresource,
    replace: true,
  };
  const written = await update(core, call, type, target, () => JSON.parse(text) as Item);
  return writtenAnswer(context, 200, written);
}

/** Reads the options of a DELETE from the body, or from the query when there is no body. */
async function deleteOptions({ req, query, call }: RequestContext): Promise<Obj> {
  const body = await readBody(req);
  const media = mediaType(req);
  let options: Obj = {};
  if (body.length > 0) {
    const value =
      media === 'application/yaml'
        ? decodeYaml(body)
        : media === protobufType
          ? decodeProtobuf(body, 'DeleteOptions')
          : decodeJson(body, 'DeleteOptions');
    if (!isObj(value)) throw badRequest('expected DeleteOptions');
    if (value.kind && value.kind !== 'DeleteOptions')
      throw badRequest(
        `no kind ${JSON.stringify(value.kind)} is registered for version ${JSON.stringify(value.apiVersion ?? '')}`,
      );
    options = value;
  } else {
    const grace = number(query, 'gracePeriodSeconds');
    if (grace !== undefined) options.gracePeriodSeconds = grace;
    if (query.has('propagationPolicy')) options.propagationPolicy = query.get('propagationPolicy');
    if (query.has('orphanDependents')) options.orphanDependents = flag(query, 'orphanDependents');
  }
  if (Array.isArray(options.dryRun) && options.dryRun.length > 0) call.dryRun = true;
  checkDeleteOptions(options);
  call.options = { kind: 'DeleteOptions', apiVersion: 'meta.k8s.io/v1', ...options };
  return options;
}

export async function del(context: RequestContext): Promise<Answer> {
  const { core, type, call, route } = context;
  const options = await deleteOptions(context);
  const { item, gone } = await remove(
    core,
    call,
    type,
    { namespace: route.namespace, name: route.name },
    options,
  );
  if (!gone || type.returnsDeleted) return { code: 200, json: JSON.stringify(item) };
  const details = {
    name: item.metadata.name,
    ...(type.group ? { group: type.group } : {}),
    kind: type.plural,
    uid: item.metadata.uid,
  };
  return { code: 200, json: JSON.stringify(success(details)) };
}

export async function deleteCollection(context: RequestContext): Promise<Answer> {
  const { core, type, call, route, query } = context;
  const options = await deleteOptions(context);
  const view = viewOf(context);
  const { entries, metadata } = page(
    core.store,
    view,
    route.namespace,
    selection(query, type),
    listOptions(query),
  );
  const shown: Entry[] = [];
  for (const entry of entries) {
    try {
      await remove(
        core,
        call,
        type,
        { namespace: entry.namespace, name: entry.name, collection: true },
        options,
      );
      shown.push(entry);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
  return {
    code: 200,
    json: `${listHead(view, metadata)}${shown.map((entry) => listItem(view, entry)).join(',')}]}`,
  };
}

const isNotFound = (error: unknown) =>
  asString(asObj((error as { status?: unknown }).status).reason) === 'NotFound';
