// Serves the kinds of CustomResourceDefinitions: registers their types, sets their conditions, and deletes the
// objects of a definition before the definition.

import { callOf, controllerUser } from '../call.ts';
import { typesOf } from '../crd/definition.ts';
import type { Core } from '../operations/core.ts';
import { remove } from '../operations/delete.ts';
import { update } from '../operations/update.ts';
import type { ResourceType } from '../resources.ts';
import { parse, type StoreChange } from '../store/entry.ts';
import { asList, asObj, asString, asStrings, equal, type Item, type Obj, timestamp } from '../types.ts';

const table = 'apiextensions.k8s.io/customresourcedefinitions';
const cleanup = 'customresourcecleanup.apiextensions.k8s.io';

export class CrdController {
  readonly #core: Core;
  readonly #served = new Map<string, ResourceType[]>();
  /** Definitions that #reconcile works on. Its own writes must not start it again. */
  readonly #busy = new Set<string>();
  readonly #call = callOf(
    { name: 'system:apiserver', groups: ['system:masters', 'system:authenticated'] },
    'kube-apiserver',
  );
  #stopListening: () => void = () => {};

  constructor(core: Core) {
    this.#core = core;
  }

  start(): void {
    for (const entry of this.#core.store.table(table).entries({ namespace: '', after: '' }))
      this.#serve(parse(entry));
    this.#stopListening = this.#core.store.onCommit((changes) => {
      for (const change of changes) this.#onChange(change);
    });
    for (const name of this.#served.keys()) void this.#reconcile(name);
  }

  close(): void {
    this.#stopListening();
  }

  #onChange(change: StoreChange): void {
    const { entry, type } = change;
    if (entry.table === table) {
      if (type === 'DELETED') this.#stopServing(entry.name);
      else this.#serve(parse(entry));
      if (type !== 'DELETED') void this.#reconcile(entry.name);
    } else if (type === 'DELETED') {
      const [group, plural] = entry.table.split('/');
      const name = `${plural}.${group}`;
      if (this.#served.has(name) && this.#core.store.table(table).get(name)?.deleting)
        void this.#reconcile(name);
    }
  }

  /** Serves the current definition, unless another kind of the group uses one of its names. */
  #serve(crd: Item): void {
    if (this.#rivals(crd).length > 0) return;
    const before = this.#served.get(crd.metadata.name) ?? [];
    const types = typesOf(crd);
    for (const old of before) this.#core.registry.remove(old.group, old.version, old.plural);
    for (const type of types) this.#core.registry.add(type);
    this.#served.set(crd.metadata.name, types);
  }

  #stopServing(name: string): void {
    for (const old of this.#served.get(name) ?? [])
      this.#core.registry.remove(old.group, old.version, old.plural);
    this.#served.delete(name);
  }

  /** The kinds of the group's other definitions that use one of its names. */
  #rivals(crd: Item): string[] {
    const spec = asObj(crd.spec);
    const names = asObj(spec.names);
    const clashes = (other: ResourceType) =>
      other.group === spec.group &&
      // A custom type with the same plural is this definition itself.
      !(other.plural === names.plural && !other.builtin) &&
      (other.kind === names.kind ||
        other.singular === names.singular ||
        other.shortNames.some((s) => asStrings(names.shortNames).includes(s)));
    return this.#core.registry
      .all()
      .filter(clashes)
      .map((type) => type.kind);
  }

  /** Updates the status and the finalizer. During a deletion, deletes the instances. */
  async #reconcile(name: string): Promise<void> {
    if (this.#busy.has(name)) return;
    this.#busy.add(name);
    try {
      const entry = this.#core.store.table(table).get(name);
      if (!entry) return;
      if (entry.deleting) await this.#deleteInstances(parse(entry));
      else await this.#establish(parse(entry));
    } catch (error) {
      if ((error as { code?: number }).code !== 404)
        this.#core.log.warn({ err: error, crd: name }, 'crd not settled');
    } finally {
      this.#busy.delete(name);
    }
  }

  async #establish(crd: Item): Promise<void> {
    const type = this.#definitionType();
    if (!asStrings(crd.metadata.finalizers).includes(cleanup)) {
      await update(
        this.#core,
        this.#call,
        type,
        { namespace: '', name: crd.metadata.name, subresource: '' },
        (live) => {
          live.metadata.finalizers = [...new Set([...asStrings(live.metadata.finalizers), cleanup])];
          return live;
        },
      );
    }
    const rivals = this.#rivals(crd);
    await this.#writeStatus(crd.metadata.name, (live) => {
      const names = asObj(asObj(live.spec).names);
      return {
        ...asObj(live.status),
        conditions: this.#conditions(live, rivals),
        acceptedNames: rivals.length > 0 ? asObj(live.status).acceptedNames : names,
      };
    });
  }

  #conditions(crd: Item, rivals: readonly string[]): Obj[] {
    const ok = rivals.length === 0;
    const wanted: Obj[] = [
      ok
        ? { type: 'NamesAccepted', status: 'True', reason: 'NoConflicts', message: 'no conflicts found' }
        : {
            type: 'NamesAccepted',
            status: 'False',
            reason: 'NameConflict',
            message: `names are already in use by ${rivals.join(', ')}`,
          },
      ok
        ? {
            type: 'Established',
            status: 'True',
            reason: 'InitialNamesAccepted',
            message: 'the initial names have been accepted',
          }
        : {
            type: 'Established',
            status: 'False',
            reason: 'NotAccepted',
            message: 'not all names are accepted',
          },
    ];
    return this.#withTransitionTimes(crd, wanted);
  }

  /** Sets lastTransitionTime: a condition that has not changed keeps its time. */
  #withTransitionTimes(crd: Item, wanted: Obj[]): Obj[] {
    const now = timestamp(this.#core.clock.now());
    const before = asList(asObj(crd.status).conditions);
    return wanted.map(({ type, status, reason, message }) => {
      const old = before.find((condition) => condition.type === type && condition.status === status);
      return { lastTransitionTime: asString(old?.lastTransitionTime) || now, message, reason, status, type };
    });
  }

  async #writeStatus(name: string, status: (live: Item) => Obj): Promise<void> {
    await update(
      this.#core,
      this.#call,
      this.#definitionType(),
      { namespace: '', name, subresource: 'status' },
      (live) => {
        const next = status(live);
        if (!equal(next, live.status)) live.status = next;
        return live;
      },
    );
  }

  /** Deletes the instances. After the last one, removes the finalizer, so that the definition goes too. */
  async #deleteInstances(crd: Item): Promise<void> {
    const name = crd.metadata.name;
    if (!asStrings(crd.metadata.finalizers).includes(cleanup)) return;
    const type = this.#served.get(name)?.[0];
    const call = callOf(controllerUser('generic-garbage-collector'), 'kube-apiserver');
    const instances = type
      ? [...this.#core.store.table(type.table).entries({ namespace: '', after: '' })]
      : [];
    await this.#writeStatus(name, (live) => ({
      ...asObj(live.status),
      conditions: [
        ...asList(asObj(live.status).conditions).filter((c) => c.type !== 'Terminating'),
        ...this.#withTransitionTimes(live, [
          {
            type: 'Terminating',
            status: 'True',
            reason: 'InstanceDeletionInProgress',
            message: 'CustomResource deletion is in progress',
          },
        ]),
      ],
    }));
    for (const entry of instances) {
      if (entry.deleting || !type) continue;
      await remove(
        this.#core,
        call,
        type,
        { namespace: entry.namespace, name: entry.name, collection: true },
        {},
      ).catch((error) =>
        this.#core.log.warn({ err: error, object: entry.key }, 'instance of a deleted definition stays'),
      );
    }
    if (type && this.#core.store.table(type.table).size > 0) return;
    await update(
      this.#core,
      this.#call,
      this.#definitionType(),
      { namespace: '', name, subresource: '' },
      (live) => {
        live.metadata.finalizers = asStrings(live.metadata.finalizers).filter(
          (finalizer) => finalizer !== cleanup,
        );
        return live;
      },
    );
  }

  #definitionType(): ResourceType {
    return this.#core.registry.get('apiextensions.k8s.io', 'v1', 'customresourcedefinitions') as ResourceType;
  }
}
