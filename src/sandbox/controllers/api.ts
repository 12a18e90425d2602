// How the sandbox's own controllers read and write objects. Each controller acts as its own user. Writes go through the
// same operations as HTTP requests.

import { randomBytes } from 'node:crypto';
import { joinKey } from '../../kube/objects.ts';
import { type ApiCall, callOf, controllerUser } from '../call.ts';
import type { Core } from '../operations/core.ts';
import { create } from '../operations/create.ts';
import { remove } from '../operations/delete.ts';
import { update } from '../operations/update.ts';
import type { ResourceType } from '../resources.ts';
import { ApiError } from '../status.ts';
import { type Entry, parse } from '../store/entry.ts';
import { equal, type Item, type Obj, timestamp } from '../types.ts';

export const isNotFound = (error: unknown) => error instanceof ApiError && error.code === 404;

/** Whether another writer was faster. Then the change is not needed any more, or the controller retries it. */
export const isLost = (error: unknown) =>
  error instanceof ApiError && (error.code === 404 || error.code === 409);

export class ControllerApi {
  readonly core: Core;
  readonly #user: ReturnType<typeof controllerUser>;
  readonly #manager: string;

  constructor(core: Core, account: string) {
    this.core = core;
    this.#user = controllerUser(account);
    this.#manager = 'kube-controller-manager';
  }

  call(): ApiCall {
    return callOf(this.#user, this.#manager);
  }

  /** The type with the stored version of a table. A table's name is `group/plural`. */
  type(table: string): ResourceType {
    const type = this.core.registry.ofTable(table);
    if (!type) throw new Error(`nothing serves ${table}`);
    return type;
  }

  get(table: string, namespace: string, name: string): Item | undefined {
    const entry = this.core.store.table(table).get(joinKey(namespace, name));
    return entry && parse(entry);
  }

  *entries(table: string, namespace = ''): Generator<Entry> {
    yield* this.core.store.table(table).entries({ namespace, after: '' });
  }

  async create(table: string, item: Item): Promise<Item> {
    const written = await create(
      this.core,
      this.call(),
      this.type(table),
      { namespace: item.metadata.namespace ?? '' },
      item,
    );
    return written.item;
  }

  /** Creates the object unless it exists. */
  async ensure(table: string, item: Item): Promise<void> {
    if (this.get(table, item.metadata.namespace ?? '', item.metadata.name)) return;
    await this.create(table, item).catch((error) => {
      if (!isLost(error)) throw error;
    });
  }

  async update(
    table: string,
    namespace: string,
    name: string,
    change: (live: Item) => void,
    subresource = '',
  ): Promise<Item> {
    const target = { namespace, name, subresource };
    const written = await update(this.core, this.call(), this.type(table), target, (live) => {
      change(live);
      return live;
    });
    return written.item;
  }

  /** Writes the status when it differs. */
  async status(table: string, item: Item, status: Obj): Promise<void> {
    if (equal(item.status, status)) return;
    await this.update(
      table,
      item.metadata.namespace ?? '',
      item.metadata.name,
      (live) => {
        live.status = status;
      },
      'status',
    ).catch((error) => {
      if (!isNotFound(error)) throw error;
    });
  }

  /** Records an event about `item`. Never throws: an event that cannot be stored is dropped. */
  event(item: Item, reason: string, note: string, type: 'Normal' | 'Warning' = 'Normal'): void {
    const { name, namespace = 'default', uid, resourceVersion } = item.metadata;
    const at = timestamp(this.core.clock.now());
    const component = this.#user.name.split(':').at(-1) ?? '';
    const involvedObject = {
      kind: item.kind,
      namespace,
      name,
      uid,
      apiVersion: item.apiVersion,
      resourceVersion,
    };
    const metadata = { name: `${name}.${randomBytes(8).toString('hex')}`, namespace };
    const event = {
      apiVersion: 'v1',
      kind: 'Event',
      metadata,
      involvedObject,
      reason,
      message: note,
      type,
      source: { component },
      reportingComponent: component,
      count: 1,
      firstTimestamp: at,
      lastTimestamp: at,
    };
    this.create('/events', event as unknown as Item).catch((error) =>
      this.core.log.warn({ err: error, reason }, 'an event is lost'),
    );
  }

  /** Deletes an object, unless it is gone or has changed. `collection`: as a part of a collection delete. */
  async delete(
    table: string,
    namespace: string,
    name: string,
    options: Obj = {},
    collection = false,
  ): Promise<void> {
    await remove(this.core, this.call(), this.type(table), { namespace, name, collection }, options).catch(
      (error) => {
        if (!isLost(error)) throw error;
      },
    );
  }
}
