// Keeps this process from serving beside another installation. It refuses to start before anything is written, and
// stops when another installation has taken over.
import type { Client } from '../kube/client.ts';
import { isForbidden } from '../kube/errors.ts';
import {
  describe,
  installationsOf,
  installedConfigurations,
  type OwnInstallation,
  refuseSecond,
  rivalsOf,
} from '../manifests/installations.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Log } from '../runtime/log.ts';
import type { Component } from '../runtime/manager.ts';
import type { ServeSettings } from '../settings/serve.ts';

/**
 * Pause between two looks. A person takes over an installation and then removes the old one, so nothing is urgent.
 */
const lookEveryMs = 30_000;

export interface InstallationOptions {
  settings: ServeSettings;
  client: Client;
  clock: Clock;
  log: Log;
  /** The process must exit. */
  onLost(why: string): void;
}

export class InstallationGuard implements Component {
  readonly name = 'installation';
  readonly #options: InstallationOptions;
  #stopLooking: () => void = () => {};

  constructor(options: InstallationOptions) {
    this.#options = options;
  }

  /** @throws AnotherInstallationError */
  async start(signal: AbortSignal): Promise<void> {
    const { settings, client, log } = this.#options;
    try {
      await refuseSecond(client, this.#own, settings.takeOver);
    } catch (error) {
      if (!isForbidden(error)) throw error;
      // Permissions of an older version. The doctor says what is missing.
      log.warn({ err: error.message }, 'other installations in this cluster cannot be looked for');
      return;
    }
    this.#lookLater();
    signal.addEventListener('abort', () => this.#stopLooking(), { once: true });
  }

  async stop(): Promise<void> {
    this.#stopLooking();
  }

  get #own(): OwnInstallation {
    const { namespace, service, configuration, parts, namespaces } = this.#options.settings;
    return { namespace, service, configuration, parts, namespaces };
  }

  #lookLater(): void {
    this.#stopLooking = this.#options.clock.after(lookEveryMs, () => void this.#look());
  }

  async #look(): Promise<void> {
    const { client, settings, log, onLost } = this.#options;
    try {
      const found = installationsOf(await installedConfigurations(client));
      const winner = rivalsOf(found, this.#own, settings.takeOver).find(({ takesOver }) => takesOver);
      if (winner) return onLost(`another Spikegate has taken over: ${describe(winner)}`);
    } catch (error) {
      log.debug({ err: (error as Error).message }, 'other installations could not be looked for');
    }
    this.#lookLater();
  }
}
