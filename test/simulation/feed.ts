// Stands in for a reflector: a consistent list, then the watch from there, as late as chance has it; events may
// come twice after a reconnect, and after a 410 there is a new list. The cache it feeds is the real one.
import type { ObjectCache } from '../../src/kube/cache.ts';
import type { KubeObject, Resource } from '../../src/kube/objects.ts';
import { sleep } from '../../src/runtime/clock.ts';
import type { Collection } from './api-server.ts';
import { call, type Wire } from './client.ts';
import type { Life } from './schedule.ts';

interface Snapshot<T> {
  items: T[];
  resourceVersion: string;
  /** How much of the log the list includes. */
  position: number;
}

export class Feed<T extends KubeObject> {
  readonly #wire: Wire;
  readonly #life: Life;
  readonly #collection: Collection<T>;
  readonly #cache: ObjectCache<T>;
  #listing = false;
  /** 410 Gone came while it was listing: a watch from that list would begin in a history that is compacted. */
  #mustListAgain = false;
  /** Events of the log that the cache has seen, and how many of them were in its last list. */
  #position = 0;
  #listed = 0;
  #resyncs: (() => void)[] = [];

  constructor(wire: Wire, life: Life, collection: Collection<T>, cache: ObjectCache<T>) {
    this.#wire = wire;
    this.#life = life;
    this.#collection = collection;
    this.#cache = cache;
    this.relist();
  }

  get resource(): Resource<T> {
    return this.#collection.resource;
  }

  get isSynced(): boolean {
    return this.#cache.isSynced;
  }

  /** Events that could be delivered now; a reflector watches or lists, never both. */
  get backlog(): number {
    return this.#listing ? 0 : this.#collection.log.length - this.#position;
  }

  deliver(events: number): void {
    for (let i = 0; i < events && this.backlog > 0; i++) {
      this.#cache.apply(this.#collection.log[this.#position++]!);
    }
  }

  /** The watch is opened anew at an older revision and tells some of the story again. */
  rewind(events: number): void {
    if (!this.#listing) this.#position = Math.max(this.#listed, this.#position - events);
  }

  /** 410 Gone. */
  relist(): void {
    if (this.#listing) this.#mustListAgain = true;
    else void this.#list();
  }

  /** There is no pause after a failure here. */
  retryNow(): void {}

  resync(): Promise<void> {
    return new Promise((resolve) => {
      this.#resyncs.push(resolve);
      this.relist();
    });
  }

  async #list(): Promise<void> {
    const { objects, log } = this.#collection;
    this.#listing = true;
    for (;;) {
      // Only who asked before the list began is served by it.
      const served = this.#resyncs.splice(0);
      this.#mustListAgain = false;
      try {
        const seenBefore = this.#cache.newest;
        const snapshot = await call(this.#wire, this.#life, 'list', (): Snapshot<T> => {
          const { revision } = this.#wire.server;
          return { items: [...objects.values()], resourceVersion: revision, position: log.length };
        });
        this.#cache.replaceAll(snapshot.items, snapshot.resourceVersion, seenBefore);
        this.#position = snapshot.position;
        this.#listed = snapshot.position;
        this.#wire.note(
          this.#life.name,
          'listed',
          this.#collection.resource.plural,
          snapshot.resourceVersion,
        );
        for (const resolve of served) resolve();
        if (this.#resyncs.length === 0 && !this.#mustListAgain) break;
      } catch {
        this.#resyncs.unshift(...served);
        if (this.#wire.server.isDown) await sleep(this.#life.clock, 500);
      }
    }
    this.#listing = false;
  }
}
