// Gives each cluster role with an aggregationRule the rules of all roles that its selectors match
// (kube-controller-manager pkg/controller/clusterroleaggregation).

import type { Core } from '../operations/core.ts';
import { matchesLabels, parseLabelSelector } from '../selectors.ts';
import { parse } from '../store/entry.ts';
import { asList, asObj, equal, type Item, type Obj } from '../types.ts';
import { ControllerApi, isNotFound } from './api.ts';
import { KeyQueue } from './queue.ts';

const table = 'rbac.authorization.k8s.io/clusterroles';

export class RoleAggregation {
  readonly #api: ControllerApi;
  readonly #queue: KeyQueue;
  #stopListening: () => void = () => {};

  constructor(core: Core) {
    this.#api = new ControllerApi(core, 'clusterrole-aggregation-controller');
    this.#queue = new KeyQueue({
      clock: core.clock,
      workers: 1,
      work: (name) => this.#visit(name),
      failed: (name, error) => core.log.warn({ err: error, role: name }, 'a role could not be aggregated'),
    });
  }

  start(): void {
    this.#enqueueAll();
    this.#stopListening = this.#api.core.store.onCommit((changes) => {
      if (changes.some(({ entry }) => entry.table === table)) this.#enqueueAll();
    });
  }

  close(): void {
    this.#stopListening();
    this.#queue.close();
  }

  /** Enqueues every aggregated role, because a changed role may match the selectors of any of them. */
  #enqueueAll(): void {
    for (const role of this.#roles()) if (role.aggregationRule) this.#queue.add(role.metadata.name);
  }

  *#roles(): Generator<Item> {
    for (const entry of this.#api.entries(table)) yield parse(entry);
  }

  async #visit(name: string): Promise<void> {
    const role = this.#api.get(table, '', name);
    if (!role?.aggregationRule) return;
    const rules = aggregatedRules(role, [...this.#roles()]);
    if (equal(asList(role.rules), rules)) return;
    await this.#api
      .update(table, '', name, (live) => {
        live.rules = rules;
      })
      .catch((error) => {
        if (!isNotFound(error)) throw error;
      });
  }
}

/** The rules of all matched roles, sorted by role name, without duplicates. */
function aggregatedRules({ metadata, aggregationRule }: Item, roles: readonly Item[]): Obj[] {
  const selectors = asList(asObj(aggregationRule).clusterRoleSelectors);
  const matched = roles
    .filter((it) => it.metadata.name !== metadata.name)
    .filter((it) =>
      selectors.some((selector) => matchesLabels(parseLabelSelector(selector), it.metadata.labels)),
    )
    .sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  const rules: Obj[] = [];
  for (const rule of matched.flatMap((it) => asList(it.rules))) {
    if (!rules.some((other) => equal(other, rule))) rules.push(rule);
  }
  return rules;
}
