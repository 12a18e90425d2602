// Reconciles the children of an owner by server-side apply. Does not write where nothing differs, and never takes
// another owner's objects. Knows no kind of ours.

import { fieldManager } from '../api/names.ts';
import type { Client } from '../kube/client.ts';
import { isConflict, isInvalid, isNamespaceTerminating, isNotFound } from '../kube/errors.ts';
import { apiVersionOf, type Draft, joinKey, type KubeObject, type Resource } from '../kube/objects.ts';
import type { Log } from '../runtime/log.ts';
import { own } from '../runtime/own-keys.ts';
import { allChildKinds, type ChildKind } from './child-kinds.ts';
import { includes, restored, withoutForeignEntries } from './compare.ts';
import {
  appliedAnnotation,
  componentOf,
  controllerOf,
  hashOf,
  labelsOf,
  ownerReference,
} from './identity.ts';
import { Outcome } from './outcome.ts';
import { restricted } from './pod-security.ts';
import type { Sources } from './sources.ts';

/** One child as it should be. `body` leaves out what people or autoscalers own (replicas). */
export interface Desired {
  kind: ChildKind;
  name: string;
  /** The part of the owner that it belongs to: `app.kubernetes.io/component`. */
  component: string;
  /** Labels in addition to those that every child has. */
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  /** Everything except apiVersion, kind and metadata. */
  body: object;
}

export interface ChildrenOptions {
  client: Client;
  sources: Sources;
  log: Log;
  /** Whether the pods of this owner must be fit for Pod Security "restricted". Default: none must. */
  isRestricted?(owner: KubeObject): boolean;
}

/** The owner is gone or being deleted. The garbage collector removes its children. */
class OwnerGone extends Error {}

type Applied = Draft & Record<string, unknown>;

export class Children {
  readonly #client: Client;
  readonly #sources: Sources;
  readonly #log: Log;
  readonly #isRestricted: (owner: KubeObject) => boolean;
  /**
   * Objects that something rewrites after our apply. Key: uid. Value: the object's resourceVersion after that, and the
   * hash of what we applied (`rewriteKey`). While both stay the same, we do not apply again.
   */
  readonly #rewritten = new Map<string, string>();

  constructor({ client, sources, log, isRestricted = () => false }: ChildrenOptions) {
    this.#isRestricted = isRestricted;
    this.#client = client;
    this.#sources = sources;
    this.#log = log;
  }

  /**
   * `kinds`: all kinds of which this owner may have children. Children are made in the order of `desired`. Owned
   * children that are not in `desired` are deleted, except those of the components in `kept`, which stay unchanged.
   * A failure of one child does not reject: see Outcome.
   */
  async reconcile(
    owner: KubeObject,
    ownerResource: Resource,
    kinds: readonly ChildKind[],
    desired: readonly Desired[],
    signal?: AbortSignal,
    kept: ReadonlySet<string> = new Set(),
  ): Promise<Outcome> {
    const outcome = new Outcome();
    if (owner.metadata.deletionTimestamp) {
      outcome.isGone = true;
      return outcome;
    }
    const pass = new Pass(this.#client, owner, ownerResource, signal);
    const isKept = ({ metadata }: KubeObject) => kept.has(componentOf(metadata.labels));
    const owned = this.#notDesired(desired, owner, kinds);
    for (const { kind, object } of owned) if (isKept(object)) outcome.addPresent(kind, object);
    const obsolete = owned.filter(({ object }) => !isKept(object));
    try {
      for (const it of obsolete) if (it.kind.isDeletedFirst) await this.#delete(pass, outcome, it);
      for (const child of desired) await this.#reconcileChild(pass, outcome, child);
      for (const it of obsolete) if (!it.kind.isDeletedFirst) await this.#delete(pass, outcome, it);
    } catch (error) {
      if (!(error instanceof OwnerGone)) throw error;
      outcome.isGone = true;
    }
    return outcome;
  }

  async #reconcileChild(pass: Pass, outcome: Outcome, child: Desired): Promise<void> {
    const resource = this.#sources.resourceOf(child.kind);
    if (!resource) {
      if (child.kind.install) outcome.missing.add(child.kind);
      else
        outcome.failures.push({ kind: child.kind.kind, name: child.name, error: new Error('is not served') });
      return;
    }
    try {
      await this.#apply(pass, outcome, child, resource);
    } catch (error) {
      if (error instanceof OwnerGone) throw error;
      if (isNamespaceTerminating(error)) throw new OwnerGone();
      if (pass.signal?.aborted) throw error;
      outcome.failures.push({ kind: child.kind.kind, name: child.name, error: error as Error });
    }
  }

  async #apply(pass: Pass, outcome: Outcome, child: Desired, resource: Resource): Promise<void> {
    const { owner } = pass;
    const namespace = owner.metadata.namespace ?? '';
    const asked = this.#isRestricted(owner) ? { ...child, body: restricted(child.body) } : child;
    const wanted = draftOf(owner, asked, resource);
    const key = { namespace, name: child.name };
    let live = this.#sources.cacheOf(child.kind).get(joinKey(namespace, child.name));
    // The cache holds only objects with our labels. An object that is missing from it may exist on the server all
    // the same, even with us as its owner (somebody removed the label). So read it live.
    if (controllerOf(live)?.uid !== owner.metadata.uid) live = await this.#read(resource, key, pass);
    if (controllerOf(live)?.uid !== owner.metadata.uid) {
      if (live && !isOrphanOf(live, wanted))
        return outcome.conflict(child.kind.kind, child.name, controllerOf(live));
      await pass.ownerLives();
    }
    if (live?.metadata.deletionTimestamp) return outcome.addLeaving(child.kind, live);
    if (live && this.#isThere(live, wanted)) return outcome.addPresent(child.kind, live);
    const applied = await this.#write(resource, wanted, live, pass);
    const stored = await this.#removeForeignEntries(resource, applied, wanted, pass);
    this.#sources.cacheOf(child.kind).observe(stored);
    this.#noteRewriting(stored, wanted);
    outcome.changed(child.kind, stored, live);
  }

  #isThere(live: KubeObject, wanted: Applied): boolean {
    if (this.#rewritten.get(live.metadata.uid) === rewriteKey(live, wanted)) return true;
    return includes(live, wanted) && withoutForeignEntries(live, wanted) === live;
  }

  /**
   * Another admission webhook changes the object after our apply. Applying it again would change nothing, and never
   * end.
   */
  #noteRewriting(stored: KubeObject, wanted: Applied): void {
    const { uid, name, namespace } = stored.metadata;
    if (includes(stored, wanted)) return void this.#rewritten.delete(uid);
    this.#rewritten.set(uid, rewriteKey(stored, wanted));
    this.#log.warn(
      { kind: stored.kind, name, namespace },
      'the API server stores something else than was applied',
    );
  }

  async #write(
    resource: Resource,
    wanted: Applied,
    live: KubeObject | undefined,
    pass: Pass,
  ): Promise<KubeObject> {
    const options = { fieldManager, ...(pass.signal ? { signal: pass.signal } : {}) };
    const apply = () => this.#client.apply(resource, wanted, { ...options, force: true });
    try {
      return await apply();
    } catch (error) {
      // Somebody renumbered a port by hand, and it has the name that our port needs. Both cannot exist, so first
      // restore our port.
      const withOurItems = live && isInvalid(error) ? restored(live, wanted) : live;
      if (!withOurItems || withOurItems === live) throw error;
      await this.#client.replace(resource, withOurItems, options);
      return apply();
    }
  }

  /** Runs after the apply, which has removed our own old fields. So any extra entry is somebody else's. */
  async #removeForeignEntries(
    resource: Resource,
    stored: KubeObject,
    wanted: Applied,
    pass: Pass,
  ): Promise<KubeObject> {
    const pruned = withoutForeignEntries(stored, wanted);
    if (pruned === stored) return stored;
    const options = { fieldManager, ...(pass.signal ? { signal: pass.signal } : {}) };
    return this.#client.replace(resource, pruned, options);
  }

  async #read(
    resource: Resource,
    key: { namespace: string; name: string },
    pass: Pass,
  ): Promise<KubeObject | undefined> {
    try {
      return await this.#client.get(resource, key, pass.signal ? { signal: pass.signal } : {});
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  /** Children of this owner that are not in `desired`. */
  #notDesired(desired: readonly Desired[], owner: KubeObject, kinds: readonly ChildKind[]): Owned[] {
    return allChildKinds.flatMap((kind) => {
      if (!kinds.includes(kind)) return [];
      const wanted = new Set(desired.filter((it) => it.kind === kind).map((it) => it.name));
      return this.#sources
        .ownedBy(kind, owner.metadata.uid)
        .filter(({ metadata }) => !wanted.has(metadata.name) && !metadata.deletionTimestamp)
        .map((object) => ({ kind, object }));
    });
  }

  async #delete(pass: Pass, outcome: Outcome, { kind, object }: Owned): Promise<void> {
    const resource = this.#sources.resourceOf(kind);
    if (!resource) return;
    const { namespace = '', name, uid } = object.metadata;
    try {
      await this.#client.delete(
        resource,
        { namespace, name },
        {
          preconditions: { uid },
          propagationPolicy: 'Background',
          ...(pass.signal ? { signal: pass.signal } : {}),
        },
      );
      outcome.deleted(kind, object);
    } catch (error) {
      // Another object has the name now, or none: in either case ours is gone.
      if (isNotFound(error) || isConflict(error)) return;
      outcome.failures.push({ kind: kind.kind, name, error: error as Error });
    }
  }
}

interface Owned {
  kind: ChildKind;
  object: KubeObject;
}

/** One pass over the children of one owner. */
class Pass {
  readonly owner: KubeObject;
  readonly signal: AbortSignal | undefined;
  readonly #client: Client;
  readonly #resource: Resource;
  #lives: Promise<void> | undefined;

  constructor(client: Client, owner: KubeObject, resource: Resource, signal: AbortSignal | undefined) {
    this.owner = owner;
    this.signal = signal;
    this.#client = client;
    this.#resource = resource;
  }

  /**
   * Reads the owner live before an object gets an owner reference. The cache may not show yet that the owner was
   * deleted, perhaps with its children orphaned; the garbage collector would delete what we bind to a dead owner.
   */
  ownerLives(): Promise<void> {
    this.#lives ??= this.#check();
    return this.#lives;
  }

  async #check(): Promise<void> {
    const { namespace, name, uid } = this.owner.metadata;
    try {
      const { metadata } = await this.#client.get(this.#resource, { namespace, name });
      if (metadata.uid !== uid || metadata.deletionTimestamp) throw new OwnerGone();
    } catch (error) {
      throw isNotFound(error) ? new OwnerGone() : error;
    }
  }
}

export function draftOf(owner: KubeObject, child: Desired, resource: Resource): Applied {
  const labels = { ...child.labels, ...labelsOf(owner, child.component) };
  const { namespace = '' } = owner.metadata;
  const metadata = { name: child.name, namespace, labels, ownerReferences: [ownerReference(owner)] };
  const head = { apiVersion: apiVersionOf(resource), kind: resource.kind };
  const annotations = child.annotations ?? {};
  const applied = hashOf({ ...head, metadata: { ...metadata, annotations }, ...child.body });
  return {
    ...head,
    metadata: { ...metadata, annotations: { ...annotations, [appliedAnnotation]: applied } },
    ...child.body,
  };
}

/**
 * Whether the object has no controller, and we made it for an owner of this kind and name. Then its owner was deleted
 * without it, or its owner reference was removed. Our labels and annotation show it, or the server's own record of who
 * applied it (managedFields), which stays when somebody removes a label.
 */
function isOrphanOf(live: KubeObject, wanted: Applied): boolean {
  const { labels = {}, annotations, managedFields = [] } = live.metadata;
  if (controllerOf(live)) return false;
  const ours = Object.entries(wanted.metadata.labels ?? {});
  if (ours.some(([name, value]) => own(labels, name) !== undefined && own(labels, name) !== value))
    return false;
  if (annotations?.[appliedAnnotation] !== undefined && includes(labels, wanted.metadata.labels)) return true;
  return managedFields.some(({ manager, operation }) => manager === fieldManager && operation === 'Apply');
}

const rewriteKey = (object: KubeObject, wanted: Applied): string =>
  `${object.metadata.resourceVersion} ${wanted.metadata.annotations?.[appliedAnnotation]}`;
