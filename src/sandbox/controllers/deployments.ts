// The controller of Deployments: makes one ReplicaSet per template, rolls it out by the strategy, and numbers the
// revisions for `kubectl rollout history` and `undo`.

import { own } from '../../runtime/own-keys.ts';
import type { Core } from '../operations/core.ts';
import { asNumber, asObj, equal, type Item, type Obj, timestamp } from '../types.ts';
import { OwnerController, replicasOf, statusNumber, withConditions } from './owner.ts';
import { hashOf } from './revisions.ts';

const revisionKey = 'deployment.kubernetes.io/revision';
const hashLabel = 'pod-template-hash';
const sets = 'apps/replicasets';
/** Annotations of a Deployment that its ReplicaSets do not get. */
const notCopied = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  revisionKey,
  'deployment.kubernetes.io/desired-replicas',
  'deployment.kubernetes.io/max-replicas',
]);

const revisionOf = (item: Item) => Number(item.metadata.annotations?.[revisionKey] ?? 0);

/** The template without the hash label, so that templates of Deployments and ReplicaSets can be compared. */
function withoutHash(template: unknown): Obj {
  const { metadata, ...rest } = asObj(template);
  const { [hashLabel]: _, ...labels } = asObj(asObj(metadata).labels);
  return { ...rest, metadata: { ...asObj(metadata), labels } };
}

/** A number, or a percentage of `total` rounded up or down. */
export function scaled(value: unknown, total: number, up: boolean): number {
  if (typeof value === 'number') return value;
  const part = (Number.parseFloat(String(value ?? '0')) / 100) * total;
  return up ? Math.ceil(part) : Math.floor(part);
}

export class DeploymentController extends OwnerController {
  constructor(core: Core) {
    super(core, { table: 'apps/deployments', controls: [sets], account: 'deployment-controller' });
  }

  protected override async reconcile(deployment: Item): Promise<void> {
    const all = this.controlled(sets, deployment);
    const spec = asObj(deployment.spec);
    let current = all.find((set) => equal(withoutHash(asObj(set.spec).template), withoutHash(spec.template)));
    const old = all.filter((set) => set !== current).sort((a, b) => revisionOf(a) - revisionOf(b));
    if (!deployment.metadata.deletionTimestamp) {
      const limit = this.#limits(deployment);
      if (!current && spec.paused !== true) current = await this.#createSet(deployment, old, limit.total);
      if (current) {
        await this.#markRevision(deployment, current, old);
        if (spec.paused !== true || old.every((set) => replicasOf(set) === 0))
          await this.#roll(deployment, current, old, limit);
        await this.#cleanUp(deployment, old);
      }
    }
    await this.#writeStatus(deployment, current?.metadata.name);
  }

  /** How many pods there may be during a roll-out, and how many of the wanted ones may be unavailable. */
  #limits(deployment: Item): { total: number; unavailable: number } {
    const replicas = replicasOf(deployment);
    const strategy = asObj(asObj(deployment.spec).strategy);
    if (strategy.type === 'Recreate') return { total: replicas, unavailable: replicas };
    const rolling = asObj(strategy.rollingUpdate);
    const surge = scaled(rolling.maxSurge, replicas, true);
    const unavailable = scaled(rolling.maxUnavailable, replicas, false);
    // With both at zero the roll-out would never move.
    return { total: replicas + surge, unavailable: surge === 0 && unavailable === 0 ? 1 : unavailable };
  }

  #annotationsFor(deployment: Item, revision: number): Record<string, string> {
    const copied = Object.entries(deployment.metadata.annotations ?? {}).filter(
      ([key]) => !notCopied.has(key),
    );
    return { ...Object.fromEntries(copied), [revisionKey]: String(revision) };
  }

  async #createSet(deployment: Item, old: readonly Item[], maxTotal: number): Promise<Item> {
    const spec = asObj(deployment.spec);
    const template = structuredClone(asObj(spec.template));
    const hash = hashOf(withoutHash(template));
    const labels = { ...asObj(asObj(template.metadata).labels), [hashLabel]: hash };
    template.metadata = { ...asObj(template.metadata), labels };
    const selector = asObj(spec.selector);
    const running = old.reduce((sum, set) => sum + replicasOf(set), 0);
    const recreate = asObj(spec.strategy).type === 'Recreate';
    const replicas =
      recreate && running > 0 ? 0 : Math.max(0, Math.min(replicasOf(deployment), maxTotal - running));
    const revision = Math.max(0, ...old.map(revisionOf)) + 1;
    const made = await this.api.create(sets, {
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      metadata: {
        name: `${deployment.metadata.name}-${hash}`,
        namespace: deployment.metadata.namespace,
        labels,
        annotations: this.#annotationsFor(deployment, revision),
        ownerReferences: [this.reference(deployment)],
      },
      spec: {
        replicas,
        selector: { ...selector, matchLabels: { ...asObj(selector.matchLabels), [hashLabel]: hash } },
        template,
        ...(spec.minReadySeconds ? { minReadySeconds: spec.minReadySeconds } : {}),
      },
    } as unknown as Item);
    if (replicas > 0)
      this.api.event(
        deployment,
        'ScalingReplicaSet',
        `Scaled up replica set ${made.metadata.name} from 0 to ${replicas}`,
      );
    return made;
  }

  /** The template in use has the highest revision, also after a rollback. */
  async #markRevision(deployment: Item, current: Item, old: readonly Item[]): Promise<void> {
    const revision = Math.max(revisionOf(current), Math.max(0, ...old.map(revisionOf)) + 1);
    const wanted = this.#annotationsFor(deployment, revision);
    const present = current.metadata.annotations ?? {};
    if (Object.entries(wanted).some(([key, value]) => own(present, key) !== value)) {
      await this.api.update(sets, current.metadata.namespace ?? '', current.metadata.name, (live) => {
        live.metadata.annotations = { ...live.metadata.annotations, ...wanted };
      });
    }
    if (revisionOf(deployment) !== revision) {
      await this.api.update(
        this.table,
        deployment.metadata.namespace ?? '',
        deployment.metadata.name,
        (live) => {
          live.metadata.annotations = { ...live.metadata.annotations, [revisionKey]: String(revision) };
        },
      );
    }
  }

  async #scale(deployment: Item, set: Item, replicas: number): Promise<void> {
    const before = replicasOf(set);
    if (before === replicas) return;
    await this.api.update(sets, set.metadata.namespace ?? '', set.metadata.name, (live) => {
      asObj(live.spec).replicas = replicas;
    });
    const way = replicas > before ? 'up' : 'down';
    const text = `Scaled ${way} replica set ${set.metadata.name} from ${before} to ${replicas}`;
    this.api.event(deployment, 'ScalingReplicaSet', text);
  }

  async #roll(
    deployment: Item,
    current: Item,
    old: readonly Item[],
    limit: { total: number; unavailable: number },
  ): Promise<void> {
    const wanted = replicasOf(deployment);
    const recreate = asObj(asObj(deployment.spec).strategy).type === 'Recreate';
    const running = old.reduce((sum, set) => sum + replicasOf(set), 0);
    if (running === 0 && !(recreate && old.some((set) => statusNumber(set, 'replicas') > 0))) {
      await this.#scale(deployment, current, wanted);
      return;
    }
    if (recreate) {
      for (const set of old) await this.#scale(deployment, set, 0);
      return;
    }
    const currentReplicas = replicasOf(current);
    if (currentReplicas > wanted) return this.#scale(deployment, current, wanted);
    const target = Math.min(wanted, currentReplicas + Math.max(0, limit.total - running - currentReplicas));
    await this.#scale(deployment, current, target);
    await this.#shrink(
      deployment,
      old,
      wanted - limit.unavailable - statusNumber(current, 'availableReplicas'),
    );
  }

  /** Scales the old sets down: unavailable pods go first, and at least `needed` available pods stay in all sets. */
  async #shrink(deployment: Item, old: readonly Item[], needed: number): Promise<void> {
    let spare =
      old.reduce((sum, set) => sum + statusNumber(set, 'availableReplicas'), 0) - Math.max(0, needed);
    for (const set of old) {
      const replicas = replicasOf(set);
      const available = Math.min(replicas, statusNumber(set, 'availableReplicas'));
      const taken = Math.max(0, Math.min(available, spare));
      spare -= taken;
      await this.#scale(deployment, set, available - taken);
    }
  }

  async #cleanUp(deployment: Item, old: readonly Item[]): Promise<void> {
    const idle = old.filter((set) => replicasOf(set) === 0 && statusNumber(set, 'replicas') === 0);
    const keep = asNumber(asObj(deployment.spec).revisionHistoryLimit, 10);
    for (const set of idle.slice(0, Math.max(0, idle.length - keep)))
      await this.api.delete(sets, set.metadata.namespace ?? '', set.metadata.name);
  }

  async #writeStatus(deployment: Item, currentName: string | undefined): Promise<void> {
    const live = this.api.get(this.table, deployment.metadata.namespace ?? '', deployment.metadata.name);
    if (!live || live.metadata.uid !== deployment.metadata.uid) return;
    const all = this.controlled(sets, live);
    const current = all.find((set) => set.metadata.name === currentName);
    const sum = (name: string) => all.reduce((n, set) => n + statusNumber(set, name), 0);
    const wanted = replicasOf(live);
    const [total, ready, available] = [sum('replicas'), sum('readyReplicas'), sum('availableReplicas')];
    const updated = current ? statusNumber(current, 'replicas') : 0;
    const unavailable = Math.max(0, Math.max(wanted, total) - available);
    const isAvailable = available >= wanted - this.#limits(live).unavailable;
    const isComplete = updated === wanted && total === wanted && available === wanted;
    const name = JSON.stringify(currentName ?? '');
    const conditions = withConditions(
      live,
      [
        {
          type: 'Available',
          status: isAvailable ? 'True' : 'False',
          reason: isAvailable ? 'MinimumReplicasAvailable' : 'MinimumReplicasUnavailable',
          message: isAvailable
            ? 'Deployment has minimum availability.'
            : 'Deployment does not have minimum availability.',
        },
        isComplete
          ? {
              type: 'Progressing',
              status: 'True',
              reason: 'NewReplicaSetAvailable',
              message: `ReplicaSet ${name} has successfully progressed.`,
            }
          : {
              type: 'Progressing',
              status: 'True',
              reason: 'ReplicaSetUpdated',
              message: `ReplicaSet ${name} is progressing.`,
            },
      ],
      timestamp(this.api.core.clock.now()),
    );
    const counts = {
      replicas: total,
      updatedReplicas: updated,
      readyReplicas: ready,
      availableReplicas: available,
      unavailableReplicas: unavailable,
    };
    const nonZero = Object.fromEntries(Object.entries(counts).filter(([, n]) => n > 0));
    await this.api.status(this.table, live, {
      observedGeneration: deployment.metadata.generation,
      ...nonZero,
      conditions,
    });
  }
}
