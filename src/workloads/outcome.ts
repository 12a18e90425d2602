// The result of reconciling the children of one owner, and the conditions that report it.
import type { ConditionUpdate } from '../api/conditions.ts';
import type { KubeObject, OwnerReference } from '../kube/objects.ts';
import type { ChildKind } from './child-kinds.ts';

export interface Failure {
  kind: string;
  name: string;
  error: Error;
  /** CamelCase; ApplyFailed unless set. */
  reason?: string;
}

/** Errors that a status already shows. The controller does not write them into it again. */
const shownErrors = new WeakSet<object>();
export const isTold = (error: unknown): boolean =>
  typeof error === 'object' && error !== null && shownErrors.has(error);

export interface Effect {
  what: 'created' | 'updated' | 'deleted';
  kind: string;
  name: string;
}

export class Outcome {
  /** The owner or its namespace is being deleted: nothing more to do or to report. */
  isGone = false;
  /** Kinds that the children need and the cluster does not serve. */
  readonly missing = new Set<ChildKind>();
  readonly failures: Failure[] = [];
  readonly conflicts: { kind: string; name: string; holder: string }[] = [];
  /** Children that are being deleted and will be made again. Their deletion wakes the owner. */
  readonly leaving: Effect[] = [];
  readonly effects: Effect[] = [];
  readonly #live = new Map<string, KubeObject>();

  /** A child as it is stored now. */
  get<T extends KubeObject>(kind: ChildKind<T>, name: string): T | undefined {
    return this.#live.get(`${kind.kind}/${name}`) as T | undefined;
  }

  addPresent(kind: ChildKind, object: KubeObject): void {
    this.#live.set(`${kind.kind}/${object.metadata.name}`, object);
  }

  addLeaving(kind: ChildKind, object: KubeObject): void {
    this.leaving.push({ what: 'deleted', kind: kind.kind, name: object.metadata.name });
  }

  changed(kind: ChildKind, object: KubeObject, before: KubeObject | undefined): void {
    this.addPresent(kind, object);
    const what = before ? 'updated' : 'created';
    this.effects.push({ what, kind: kind.kind, name: object.metadata.name });
  }

  deleted(kind: ChildKind, object: KubeObject): void {
    this.effects.push({ what: 'deleted', kind: kind.kind, name: object.metadata.name });
  }

  conflict(kind: string, name: string, controller: OwnerReference | undefined): void {
    const holder = controller ? `${controller.kind} ${controller.name}` : 'somebody else';
    this.conflicts.push({ kind, name, holder });
  }

  /** The first conflict or failure. It becomes reason and message of the condition Degraded. */
  get trouble(): { reason: string; message: string } | undefined {
    const [conflict] = this.conflicts;
    if (conflict) return { reason: 'Conflict', message: describe(conflict) };
    const [failure] = this.failures;
    if (!failure) return undefined;
    const { kind, name, error, reason = 'ApplyFailed' } = failure;
    return { reason, message: `${kind} ${name}: ${error.message}` };
  }

  /** The conditions about the children themselves. */
  conditions(): ConditionUpdate[] {
    const { conflicts, missing } = this;
    return [
      conflicts.length > 0
        ? {
            type: 'Conflict',
            status: 'True',
            reason: 'OwnedByAnother',
            message: conflicts.map(describe).join('; '),
          }
        : { type: 'Conflict', status: 'False', reason: 'NoConflict', message: 'all children are its own' },
      missing.size > 0
        ? {
            type: 'KindsInstalled',
            status: 'False',
            reason: 'NotInstalled',
            message: toInstall([...missing]),
          }
        : {
            type: 'KindsInstalled',
            status: 'True',
            reason: 'Installed',
            message: 'every kind that is needed is served',
          },
    ];
  }

  /** Throws the first failure, so that the controller retries with back-off. Call this after the status is written. */
  throwIfFailed(): void {
    const [failure] = this.failures;
    if (!failure) return;
    shownErrors.add(failure.error);
    throw failure.error;
  }
}

const describe = ({ kind, name, holder }: { kind: string; name: string; holder: string }): string =>
  `${kind} ${name} exists and belongs to ${holder}; delete it, or give this object another name`;

const toInstall = (kinds: ChildKind[]): string =>
  kinds.map(({ kind, group, install }) => `${kind} (${group}) is not served: install ${install}`).join('; ');
