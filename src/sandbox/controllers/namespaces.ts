// Namespaces: gives each new one its objects, and empties one that is being deleted.

import type { Core } from '../operations/core.ts';
import type { StoreChange } from '../store/entry.ts';
import { asList, asObj, asStrings, type Item, type Obj, timestamp } from '../types.ts';
import { ControllerApi, isNotFound } from './api.ts';
import { KeyQueue } from './queue.ts';

/** The text of Kubernetes' root-ca-cert-publisher. */
const aboutCa =
  'Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the ' +
  'internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes ' +
  'clusters.';

const table = '/namespaces';
const workers = 4;

export class NamespaceController {
  readonly #api: ControllerApi;
  readonly #given: ControllerApi;
  readonly #queue: KeyQueue;
  readonly #ca: string;
  readonly #deleting = new Set<string>();
  #stopListening: () => void = () => {};

  constructor(core: Core, ca: string) {
    this.#api = new ControllerApi(core, 'namespace-controller');
    this.#given = new ControllerApi(core, 'service-account-controller');
    this.#ca = ca;
    this.#queue = new KeyQueue({
      clock: core.clock,
      workers,
      work: (name) => this.#visit(name),
      failed: (name, error) => core.log.warn({ err: error, namespace: name }, 'namespace is not empty yet'),
    });
  }

  start(): void {
    for (const entry of this.#api.entries(table)) this.#queue.add(entry.name);
    this.#stopListening = this.#api.core.store.onCommit((changes) => {
      for (const change of changes) this.#take(change);
    });
  }

  close(): void {
    this.#stopListening();
    this.#queue.close();
  }

  #take({ type, entry }: StoreChange): void {
    if (entry.table === table && type !== 'DELETED') this.#queue.add(entry.name);
    else if (entry.table === table) this.#deleting.delete(entry.name);
    else if (this.#deleting.has(entry.namespace)) this.#queue.add(entry.namespace);
    else if (type === 'DELETED' && entry.table === '/serviceaccounts' && entry.name === 'default')
      this.#queue.add(entry.namespace);
  }

  async #visit(name: string): Promise<void> {
    const namespace = this.#api.get(table, '', name);
    if (!namespace) return;
    if (namespace.metadata.deletionTimestamp) {
      this.#deleting.add(name);
      await this.#empty(namespace);
      return;
    }
    await this.#given.ensure('/serviceaccounts', {
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name: 'default', namespace: name },
    } as Item);
    await this.#given.ensure('/configmaps', {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: {
        name: 'kube-root-ca.crt',
        namespace: name,
        annotations: { 'kubernetes.io/description': aboutCa },
      },
      data: { 'ca.crt': this.#ca },
    } as unknown as Item);
  }

  /** Deletes everything in the namespace, then the namespace. Its conditions say what webhooks refuse. */
  async #empty(namespace: Item): Promise<void> {
    const name = namespace.metadata.name;
    if (asStrings(asObj(namespace.spec).finalizers).length === 0) return;
    let failure: unknown;
    for (const type of this.#api.core.registry.stored()) {
      if (!type.namespaced) continue;
      for (const entry of [...this.#api.entries(type.table, name)]) {
        if (entry.deleting) continue;
        await this.#api.delete(type.table, name, entry.name, {}, true).catch((error) => {
          failure ??= error;
        });
      }
    }
    const left = this.#remaining(name);
    if (left.length > 0 || failure) {
      await this.#tell(namespace, left, failure);
      if (failure) throw failure;
      return;
    }
    await this.#api
      .update(
        table,
        '',
        name,
        (live) => {
          live.spec = {};
        },
        'finalize',
      )
      .catch((error) => {
        if (!isNotFound(error)) throw error;
      });
  }

  #remaining(name: string): string[] {
    return this.#api.core.registry.stored().flatMap((type) => {
      const count = type.namespaced ? [...this.#api.entries(type.table, name)].length : 0;
      return count > 0
        ? [
            `${type.group ? `${type.plural}.${type.group}` : `${type.plural}.`} has ${count} resource instances`,
          ]
        : [];
    });
  }

  async #tell(namespace: Item, left: readonly string[], failure: unknown): Promise<void> {
    const now = timestamp(this.#api.core.clock.now());
    const before = asList(asObj(namespace.status).conditions);
    const condition = (
      type: string,
      bad: boolean,
      reason: string,
      message: string,
      fine: [string, string],
    ): Obj => {
      const status = bad ? 'True' : 'False';
      const old = before.find((c) => c.type === type && c.status === status);
      return {
        type,
        status,
        lastTransitionTime: old?.lastTransitionTime ?? now,
        reason: bad ? reason : fine[0],
        message: bad ? message : fine[1],
      };
    };
    const conditions = [
      condition(
        'NamespaceDeletionContentFailure',
        failure !== undefined,
        'ContentDeletionFailed',
        `Failed to delete all resource types, 1 remaining: ${(failure as Error | undefined)?.message}`,
        ['ContentDeleted', 'All content successfully deleted, may be waiting on finalization'],
      ),
      condition(
        'NamespaceContentRemaining',
        left.length > 0,
        'SomeResourcesRemain',
        `Some resources are remaining: ${left.join(', ')}`,
        ['ContentRemoved', 'All content successfully removed'],
      ),
    ];
    await this.#api.status(table, namespace, { ...asObj(namespace.status), conditions });
  }
}
