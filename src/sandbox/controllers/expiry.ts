// Deletes events after an hour, as kube-apiserver's --event-ttl does.

import type { Cancel } from '../../runtime/clock.ts';
import type { Core } from '../operations/core.ts';
import { parse } from '../store/entry.ts';
import { asObj, asString } from '../types.ts';
import { ControllerApi } from './api.ts';

const ttlMs = 3_600_000;
const sweepEveryMs = 60_000;

export class EventExpiry {
  readonly #api: ControllerApi;
  #cancel: Cancel = () => {};
  #closed = false;

  constructor(core: Core) {
    this.#api = new ControllerApi(core, 'event-expiry');
  }

  start(): void {
    this.#cancel = this.#api.core.clock.after(sweepEveryMs, async () => {
      await this.#sweep().catch((error) => this.#api.core.log.warn({ err: error }, 'events stay'));
      if (!this.#closed) this.start();
    });
  }

  close(): void {
    this.#closed = true;
    this.#cancel();
  }

  async #sweep(): Promise<void> {
    const before = this.#api.core.clock.now() - ttlMs;
    for (const entry of [...this.#api.entries('/events')]) {
      if (this.#closed) return;
      const event = parse(entry);
      const lastSeen =
        asObj(event.series).lastObservedTime ?? event.lastTimestamp ?? event.metadata.creationTimestamp;
      const at = Date.parse(asString(lastSeen));
      if (at < before) await this.#api.delete('/events', entry.namespace, entry.name);
    }
  }
}
