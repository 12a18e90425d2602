// Reconciles a DataService. It chooses the names once, starts the middleware first, and starts each service when the
// service's dependencies are usable.

import {
  type Component,
  type ComponentSpec,
  DataService,
  type DataServiceSpec,
  type DataServiceStatus,
  kindOf,
} from '../../api/data-service.ts';
import { isNamespaceTerminating } from '../../kube/errors.ts';
import { keyOf } from '../../kube/objects.ts';
import type { Result } from '../../runtime/controller.ts';
import { own } from '../../runtime/own-keys.ts';
import { announce } from '../../workloads/announce.ts';
import {
  type DaemonSet,
  type Deployment,
  pods,
  type StatefulSet,
  services,
} from '../../workloads/child-kinds.ts';
import { FailedCreates } from '../../workloads/failed-creates.ts';
import type { Failure } from '../../workloads/outcome.ts';
import { Outside } from '../../workloads/outside.ts';
import { podTroubles } from '../../workloads/pod-troubles.ts';
import { References } from '../../workloads/references.ts';
import {
  daemonSetRollout,
  deploymentRollout,
  type Rollout,
  statefulSetRollout,
} from '../../workloads/rollout.ts';
import { writeStatus } from '../../workloads/status.ts';
import type { Working, Workload, WorkloadReconciler } from '../../workloads/workload.ts';
import { checkThirdParty } from './checks.ts';
import { type ChildrenPlan, owns, planOf, presentIn, runnables } from './children.ts';
import { type Credentials, credentialsOf, referencesOf } from './credentials.ts';
import { type NamedChild, prefixIn, prefixOf } from './names.ts';
import { ensurePassword } from './password.ts';
import { type ComponentState, judge } from './state.ts';
import { ThirdParties } from './third-parties.ts';

const conflictRetryMs = 60_000;
const byNamespace = 'namespace';

type Trouble = { reason: string; message: string };
type Runnable = Deployment | StatefulSet | DaemonSet;

export const dataServiceWorkload: Workload<DataServiceSpec, DataServiceStatus> = {
  kind: DataService,
  owns: [...owns, pods],
  reconciler: (working) => new DataServiceReconciler(working),
};

class DataServiceReconciler implements WorkloadReconciler<DataService> {
  readonly #working: Working<DataService>;
  readonly #references: References;
  readonly #thirdParties: ThirdParties;
  readonly #troubles: ReturnType<typeof podTroubles>;
  readonly #failedCreates: FailedCreates;
  /** Key and uid of each DataService with plain names. Its status says so only after its first children exist. */
  readonly #plainNames = new Map<string, string>();

  constructor(working: Working<DataService>) {
    this.#working = working;
    const wake = (key: string) => working.wake(key);
    this.#references = new References({ ...working, wake });
    const outside = new Outside({ reach: working.reach.thirdParty });
    this.#thirdParties = new ThirdParties({
      clock: working.clock,
      wake,
      check: (thirdParty, port, signal) => checkThirdParty(thirdParty, port, outside, signal),
    });
    this.#troubles = podTroubles(working.sources.cacheOf(pods), DataService.kind, wake);
    this.#failedCreates = new FailedCreates(working);
    working.cache.addIndex(byNamespace, ({ metadata }) => [metadata.namespace ?? '']);
  }

  async reconcile(object: DataService, signal: AbortSignal): Promise<Result> {
    const { children, client, clock, cache, recorder } = this.#working;
    const prefix = this.#prefixOf(object);
    const credentials = credentialsOf(object, prefix);
    this.#thirdParties.follow(object);
    const passwords = await this.#readPasswords(object, credentials, signal);
    if (passwords.isGone) return {};
    const unknown = new Set(passwords.failures.map(({ name }) => name));
    const isKnown = ({ secret }: Credentials) => !secret || !unknown.has(secret.name);
    const existing = this.#runnablesOf(object);
    const plan = planOf(object, {
      prefix,
      isThere: (name) => existing.has(name),
      isUsable: (name) => this.#isUsable(object, name, existing.get(name)),
      isKnown,
      passwordOf: (it) => this.#passwordOf(object, it),
    });
    const kept = new Set<string>(plan.held.keys());
    const outcome = await children.reconcile(object, DataService, owns, plan.desired, signal, kept);
    if (outcome.isGone) return {};
    outcome.failures.unshift(...passwords.failures);
    const existingAfter = this.#runnablesOf(object);
    const uncreated = await this.#failedCreatesOf(object, existingAfter, signal);
    const states = presentIn(object).map(([name, spec]) =>
      this.#stateOf(object, name, spec, existingAfter.get(name), plan, uncreated.troubles.get(name)),
    );
    const missing = credentials.find(
      (it) => it.secret && isKnown(it) && this.#passwordOf(object, it) === undefined,
    );
    const { verdict, fields, conditions } = judge(states, outcome, missing);
    announce(recorder, object, outcome, verdict);
    const result = await writeStatus<DataService>({
      client,
      clock,
      cache,
      resource: DataService,
      object,
      fields: { ...fields, namePrefix: prefix },
      conditions: [...conditions, ...outcome.conditions()],
    });
    outcome.throwIfFailed();
    // Enqueue again when a dependency is ready already: if its Deployment existed before, no event follows that would
    // start the components that wait for it.
    const waitedFor = [...plan.waiting.values()].flat();
    if (waitedFor.some((name) => this.#isUsable(object, name, existingAfter.get(name)))) {
      this.#working.wake(keyOf(object));
    }
    if (result.requeueAfter !== undefined) return result;
    const waits = [...(outcome.conflicts.length > 0 ? [conflictRetryMs] : []), ...uncreated.waits];
    return waits.length > 0 ? { requeueAfter: Math.min(...waits) } : {};
  }

  forget(key: string): void {
    this.#plainNames.delete(key);
    this.#references.forget(key);
    this.#thirdParties.forget(key);
  }

  async stop(): Promise<void> {
    this.#troubles.stop();
    this.#thirdParties.stop();
    await this.#references.stop();
  }

  #prefixOf(object: DataService): string {
    const { uid, namespace = '' } = object.metadata;
    const others = this.#working.cache
      .byIndex(byNamespace, namespace)
      .filter((it) => it.metadata.uid !== uid);
    const hasPlainNames = (it: DataService) =>
      this.#plainNames.get(keyOf(it)) === it.metadata.uid || prefixIn(this.#servicesOf(it)) === '';
    const prefix = prefixOf(object, others, this.#servicesOf(object), hasPlainNames);
    if (prefix === '') this.#plainNames.set(keyOf(object), uid);
    return prefix;
  }

  #servicesOf({ metadata }: DataService): NamedChild[] {
    return this.#working.sources.ownedBy(services, metadata.uid).map(({ metadata: { name, labels } }) => ({
      name,
      component: labels?.['app.kubernetes.io/component'] ?? '',
    }));
  }

  /**
   * Reads the Secrets, and creates the Secret of mysql. It returns failures for the status: only the components that
   * use such a Secret stay unchanged. `isGone`: the namespace is being deleted and accepts no new Secret.
   */
  async #readPasswords(
    object: DataService,
    credentials: Credentials[],
    signal: AbortSignal,
  ): Promise<{ isGone: boolean; failures: Failure[] }> {
    const { namespace = '' } = object.metadata;
    const unread = await this.#references.follow(keyOf(object), referencesOf(credentials, namespace));
    const failures = unread.map(({ reference: { kind, name }, error }) => ({
      kind,
      name,
      error,
      reason: 'SecretNotRead',
    }));
    const mysql = object.spec.mysql;
    if (!mysql || kindOf('mysql', mysql) === 'thirdParty') return { isGone: false, failures };
    const own = credentials.filter(({ component }) => component === 'mysql');
    for (const reference of referencesOf(own, namespace)) {
      const { kind, name } = reference;
      if (failures.some((it) => it.name === name)) continue;
      try {
        await ensurePassword(this.#working.client, object, reference, this.#references, signal);
      } catch (error) {
        if (isNamespaceTerminating(error)) return { isGone: true, failures };
        if (signal.aborted) throw error;
        failures.push({ kind, name, error: error as Error, reason: 'SecretNotMade' });
      }
    }
    return { isGone: false, failures };
  }

  #passwordOf(object: DataService, { secret, literal }: Credentials): string | undefined {
    if (literal !== undefined || !secret) return literal;
    const { namespace = '' } = object.metadata;
    return own(this.#references.get({ kind: 'Secret', namespace, name: secret.name })?.data, secret.key);
  }

  /**
   * The Deployment, StatefulSet or DaemonSet of each component. While a component changes its kind, it has two of
   * them, and this returns the one of the wanted kind.
   */
  #runnablesOf(object: DataService): Map<Component, Runnable> {
    const { sources } = this.#working;
    const found = new Map<Component, Runnable>();
    for (const [name, spec] of presentIn(object)) {
      const wanted = runnables[kindOf(name, spec) as keyof typeof runnables];
      const kinds = Object.values(runnables).sort((a, b) => Number(a === wanted) - Number(b === wanted));
      for (const kind of kinds) {
        for (const runnable of sources.ownedBy<Runnable>(kind, object.metadata.uid)) {
          if (runnable.metadata.labels?.['app.kubernetes.io/component'] === name) found.set(name, runnable);
        }
      }
    }
    return found;
  }

  /** Why a StatefulSet or DaemonSet creates no pods, by component, and the ms until the next look. */
  async #failedCreatesOf(
    object: DataService,
    existing: ReadonlyMap<Component, Runnable>,
    signal: AbortSignal,
  ): Promise<{ troubles: Map<Component, Trouble>; waits: number[] }> {
    const troubles = new Map<Component, Trouble>();
    const waits: number[] = [];
    for (const [name, runnable] of existing) {
      if (runnable.kind === 'Deployment') continue;
      const newest = this.#troubles.newest(object, name);
      const { trouble, inMs } = await this.#failedCreates.of(
        runnable as StatefulSet | DaemonSet,
        newest,
        signal,
      );
      if (trouble) troubles.set(name, trouble);
      if (inMs !== undefined) waits.push(inMs);
    }
    return { troubles, waits };
  }

  #isUsable(object: DataService, name: Component, runnable: Runnable | undefined): boolean {
    const spec = object.spec[name];
    if (!spec) return true;
    if (kindOf(name, spec) === 'thirdParty')
      return this.#thirdParties.resultOf(object, name)?.isUsable ?? false;
    return runnable !== undefined && rolloutOf(runnable).ready > 0;
  }

  #stateOf(
    object: DataService,
    name: Component,
    spec: ComponentSpec,
    runnable: Runnable | undefined,
    plan: ChildrenPlan,
    uncreated: Trouble | undefined,
  ): ComponentState {
    if (kindOf(name, spec) === 'thirdParty') {
      const result = this.#thirdParties.resultOf(object, name);
      return { name, ready: 0, wanted: 0, isReady: result?.isUsable ?? false, check: result };
    }
    const waitsFor = plan.waiting.get(name);
    const secret = plan.held.get(name);
    const held = secret === undefined ? undefined : heldBy(secret);
    if (!runnable)
      return { name, ready: 0, wanted: spec.replica ?? 1, isReady: false, waitsFor, trouble: held };
    const { ready, wanted, isDone, trouble } = rolloutOf(runnable);
    const podTrouble = isDone ? undefined : (trouble ?? this.#troubles.of(object, name) ?? uncreated);
    return { name, ready, wanted, isReady: isDone && !held, trouble: held ?? podTrouble };
  }
}

const heldBy = (secret: string) => ({
  reason: 'SecretUnavailable',
  message: `stays as it is: its Secret ${secret} could not be read or made`,
});

function rolloutOf(runnable: Runnable): Rollout {
  if (runnable.kind === 'StatefulSet') return statefulSetRollout(runnable as StatefulSet);
  if (runnable.kind === 'DaemonSet') return daemonSetRollout(runnable as DaemonSet);
  return deploymentRollout(runnable as Deployment);
}
