// The namespace controller. It gives each namespace the objects that every namespace has (the ServiceAccount
// `default` and the ConfigMap `kube-root-ca.crt`), and empties a namespace that is being deleted.

import type { Core } from '../operations/core.ts';
import type { StoreChange } from '../store/entry.ts';
import { asList, asObj, asStrings, type Item, type Obj, timestamp } from '../types.ts';
import { ControllerApi, isNotFound } from './api.ts';
import { KeyQueue } from './queue.ts';

/** The annotation that Kubernetes' root-ca-cert-publisher writes. */
const aboutCa =
  'Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the ' +
  'internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes ' +
  'clusters.';

const table = '/namespaces';
const workers = 4;

export class NamespaceController {
  readonly #api: ControllerApi;
  readonly #defaultsApi: ControllerApi;
  readonly #queue: KeyQueue;
  readonly #ca: string;
  /** Names of the namespaces that are being deleted. */
  readonly #deleting = new Set<string>();
  #stopListening: () => void = () => {};

  constructor(core: Core, ca: string) {
    this.#api = new ControllerApi(core, 'namespace-controller');
    this.#defaultsApi = new ControllerApi(core, 'service-account-controller');
    this.#ca = ca;
    this.#queue = new KeyQueue({
      clock: core.clock,
      workers,
      work: (name) => this.#reconcile(name),
      failed: (name, error) => core.log.warn({ err: error, namespace: name }, 'namespace is not empty yet'),
    });
  }

  start(): void {
    for (const entry of this.#api.entries(table)) this.#queue.add(entry.name);
    this.#stopListening = this.#api.core.store.onCommit((changes) => {
      for (const change of changes) this.#enqueue(change);
    });
  }

  close(): void {
    this.#stopListening();
    this.#queue.close();
  }

  #enqueue({ type, entry }: StoreChange): void {
    if (entry.table === table && type !== 'DELETED') this.#queue.add(entry.name);
    else if (entry.table === table) this.#deleting.delete(entry.name);
    else if (this.#deleting.has(entry.namespace)) this.#queue.add(entry.namespace);
    else if (type === 'DELETED' && entry.table === '/serviceaccounts' && entry.name === 'default')
      this.#queue.add(entry.namespace);
  }

  async #reconcile(name: string): Promise<void> {
    const namespace = this.#api.get(table, '', name);
    if (!namespace) return;
    if (namespace.metadata.deletionTimestamp) {
      this.#deleting.add(name);
      await this.#empty(namespace);
      return;
    }
    await this.#defaultsApi.ensure('/serviceaccounts', {
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name: 'default', namespace: name },
    } as Item);
    await this.#defaultsApi.ensure('/configmaps', {
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

  /**
   * Deletes everything in the namespace, then the namespace. The conditions of the namespace report the objects that
   * remain, and the first deletion that failed (for example because a webhook refused it).
   */
  async #empty(namespace: Item): Promise<void> {
    const name = namespace.metadata.name;
    if (asStrings(asObj(namespace.spec).finalizers).length === 0) return;
    let failure: unknown;
    for (const type of this.#api.core.registry.stored()) {
      if (!type.namespaced) continue;
      for (const entry of [...this.#api.entries(type.table, name)]) {
        if (entry.deleting) continue;
        const asCollection = true;
        await this.#api.delete(type.table, name, entry.name, {}, asCollection).catch((error) => {
          failure ??= error;
        });
      }
    }
    const remaining = this.#remaining(name);
    if (remaining.length > 0 || failure) {
      await this.#writeConditions(namespace, remaining, failure);
      if (failure) throw failure;
      return;
    }
    await this.#api
      .update(
        table,
        '',
        name,
        (live) => {
          // Without spec.finalizers the namespace itself is deleted.
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

  async #writeConditions(namespace: Item, remaining: readonly string[], failure: unknown): Promise<void> {
    const now = timestamp(this.#api.core.clock.now());
    const before = asList(asObj(namespace.status).conditions);
    const condition = (
      type: string,
      isTrue: boolean,
      reason: string,
      message: string,
      whenFalse: [reason: string, message: string],
    ): Obj => {
      const status = isTrue ? 'True' : 'False';
      const old = before.find((c) => c.type === type && c.status === status);
      return {
        type,
        status,
        lastTransitionTime: old?.lastTransitionTime ?? now,
        reason: isTrue ? reason : whenFalse[0],
        message: isTrue ? message : whenFalse[1],
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
        remaining.length > 0,
        'SomeResourcesRemain',
        `Some resources are remaining: ${remaining.join(', ')}`,
        ['ContentRemoved', 'All content successfully removed'],
      ),
    ];
    await this.#api.status(table, namespace, { ...asObj(namespace.status), conditions });
  }
}
