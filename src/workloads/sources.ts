// The caches of the children: one cache for each kind of child, with Spikegate's objects only. A change of a child wakes
// its owner. A kind that is not installed yet is followed as soon as it is installed. Knows an owner's kind only from
// owner references.
import { ObjectCache } from '../kube/cache.ts';
import type { Change } from '../kube/change-feed.ts';
import type { Client } from '../kube/client.ts';
import {
  type CustomResourceDefinition,
  definitionName,
  definitions,
  discover,
  servedBy,
} from '../kube/discovery.ts';
import { isNotFound } from '../kube/errors.ts';
import { Followed } from '../kube/followed.ts';
import { joinKey, type KubeObject, type Resource } from '../kube/objects.ts';
import { Reflector } from '../kube/reflector.ts';
import { exponential } from '../runtime/backoff.ts';
import { type Clock, sleep } from '../runtime/clock.ts';
import type { Log } from '../runtime/log.ts';
import type { ChildKind } from './child-kinds.ts';
import { controllerOf, managedSelector } from './identity.ts';

export interface SourcesOptions {
  client: Client;
  clock: Clock;
  log: Log;
  kinds: readonly ChildKind[];
  /** The only namespaces that are followed. Empty: all. */
  namespaces: readonly string[];
}

/** `key`: the key of the owner. */
export type Wake = (key: string, change: Change<KubeObject>) => void;

interface Source {
  kind: ChildKind;
  cache: ObjectCache<KubeObject>;
  /** Set while the kind is served and its cache is synced. */
  resource?: Resource;
  reflector?: Followed<KubeObject>;
  /** Resolves when the last change of the served version is handled. The next change waits for it. */
  lastTurn: Promise<void>;
}

export class Sources {
  readonly #options: SourcesOptions;
  readonly #sources = new Map<ChildKind, Source>();
  readonly #wakes = new Map<string, Wake>();
  readonly #servedHandlers = new Set<(kind: ChildKind) => void>();
  readonly #watchers: Reflector<CustomResourceDefinition>[] = [];
  readonly #stop = new AbortController();

  constructor(options: SourcesOptions) {
    this.#options = options;
    for (const kind of new Set(options.kinds)) this.#sources.set(kind, this.#createSource(kind));
  }

  /** Resolves when the kinds that every cluster has are in their caches. It does not wait for the others. */
  async start(signal: AbortSignal): Promise<void> {
    signal.addEventListener('abort', () => this.#stop.abort(), { once: true });
    if (signal.aborted) this.#stop.abort();
    await Promise.all(
      [...this.#sources.values()].map((source) =>
        source.kind.install ? this.#followDefinition(source) : this.#followBuiltIn(source),
      ),
    );
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#watchers.map((watcher) => watcher.stop()));
    await Promise.all([...this.#sources.values()].map((source) => source.reflector?.stop()));
  }

  /** The kind in the version that the API server serves. Undefined while it serves none, or the cache is not synced. */
  resourceOf<T extends KubeObject>(kind: ChildKind<T>): Resource<T> | undefined {
    return this.#sourceOf(kind).resource as Resource<T> | undefined;
  }

  cacheOf<T extends KubeObject>(kind: ChildKind<T>): ObjectCache<T> {
    return this.#sourceOf(kind).cache as unknown as ObjectCache<T>;
  }

  /** The objects of a kind whose controller has this uid. */
  ownedBy<T extends KubeObject>(kind: ChildKind<T>, uid: string): T[] {
    return this.cacheOf(kind).byIndex('controller', uid);
  }

  /** Calls `wake` for every change of an object that an owner of this kind controls, or controlled before it. */
  onOwned(owner: { apiVersion: string; kind: string }, wake: Wake): () => void {
    const name = `${owner.apiVersion} ${owner.kind}`;
    this.#wakes.set(name, wake);
    return () => this.#wakes.delete(name);
  }

  /** Called when a kind begins or ceases to be served. */
  onServed(handler: (kind: ChildKind) => void): () => void {
    this.#servedHandlers.add(handler);
    return () => this.#servedHandlers.delete(handler);
  }

  #sourceOf(kind: ChildKind): Source {
    const source = this.#sources.get(kind);
    if (!source) throw new Error(`${kind.kind} is not among the kinds that are followed`);
    return source;
  }

  #createSource(kind: ChildKind): Source {
    const { log, namespaces } = this.#options;
    const cache = new ObjectCache<KubeObject>({
      namespaces,
      onHandlerError: (error) => log.error({ err: error, kind: kind.kind }, 'cache handler failed'),
    });
    cache.addIndex('controller', (object) => {
      const uid = controllerOf(object)?.uid;
      return uid ? [uid] : [];
    });
    cache.onChange((change) => this.#wake(change));
    return { kind, cache, lastTurn: Promise.resolve() };
  }

  #wake(change: Change<KubeObject>): void {
    const owners = new Map<string, string>();
    for (const object of [change.object, change.old]) {
      const owner = object && controllerOf(object);
      if (owner)
        owners.set(`${owner.apiVersion} ${owner.kind}`, joinKey(object.metadata.namespace ?? '', owner.name));
    }
    for (const [name, key] of owners) this.#wakes.get(name)?.(key, change);
  }

  async #followBuiltIn(source: Source): Promise<void> {
    const { client, clock, log } = this.#options;
    const { signal } = this.#stop;
    for (let attempt = 0; !signal.aborted; attempt++) {
      try {
        const resource = await discover(client, source.kind, signal);
        if (resource) return await this.#serve(source, resource);
        log.warn({ kind: source.kind.kind }, 'the API server does not serve a kind that it should');
      } catch (error) {
        if (!signal.aborted) log.warn({ err: (error as Error).message }, 'discovery failed; trying again');
      }
      await sleep(clock, exponential(attempt, 500, 30_000), signal);
    }
  }

  /** Watches only the kind's own definition. All definitions of a cluster are many megabytes. */
  async #followDefinition(source: Source): Promise<void> {
    const { client, clock, log } = this.#options;
    const cache = new ObjectCache<CustomResourceDefinition>();
    cache.onChange(({ type, object }) => {
      const resource = type === 'deleted' ? undefined : servedBy(object, source.kind);
      if (resource?.version === source.resource?.version && resource) return;
      source.lastTurn = source.lastTurn.then(() => this.#serve(source, resource));
    });
    const watcher = new Reflector({
      client,
      clock,
      cache,
      resource: definitions,
      fieldSelector: `metadata.name=${definitionName(source.kind)}`,
      onError: (error, info) =>
        log.warn({ err: (error as Error).message, ...info }, 'following a definition failed'),
    });
    this.#watchers.push(watcher);
    await watcher.start(this.#stop.signal);
  }

  async #serve(source: Source, resource: Resource | undefined): Promise<void> {
    const before = source.resource;
    delete source.resource;
    await source.reflector?.stop();
    delete source.reflector;
    if (resource && !this.#stop.signal.aborted) {
      source.reflector = this.#reflector(source, resource);
      await source.reflector.start(this.#stop.signal);
      if (this.#stop.signal.aborted) return;
      source.resource = resource;
      this.#options.log.debug({ kind: resource.kind, version: resource.version }, 'following');
    } else if (source.cache.size > 0) {
      source.cache.empty();
    }
    if (before?.version !== resource?.version)
      for (const handler of this.#servedHandlers) handler(source.kind);
  }

  #reflector(source: Source, resource: Resource): Followed<KubeObject> {
    const { client, clock, log, namespaces } = this.#options;
    let isRediscovering = false;
    return new Followed({
      client,
      clock,
      resource,
      namespaces,
      cache: source.cache,
      labelSelector: managedSelector,
      onError: (error, info) => {
        log.warn(
          { err: (error as Error).message, kind: resource.kind, ...info },
          'list or watch failed; trying again',
        );
        // After an upgrade the API server may no longer serve this version of a built-in kind. Find the new version.
        if (source.kind.install || isRediscovering || !isNotFound(error)) return;
        isRediscovering = true;
        source.lastTurn = source.lastTurn.then(() => this.#followBuiltIn(source));
      },
    });
  }
}
