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
 * Pause between two checks. Nothing is urgent: a person who takes over removes the old installation afterwards.
 */
const checkEveryMs = 30_000;

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
  #cancelCheck: () => void = () => {};

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
      // The RBAC rules are of an older version. `spikegate doctor` names the missing permissions.
      log.warn({ err: error.message }, 'other installations in this cluster cannot be looked for');
      return;
    }
    this.#checkLater();
    signal.addEventListener('abort', () => this.#cancelCheck(), { once: true });
  }

  async stop(): Promise<void> {
    this.#cancelCheck();
  }

  get #own(): OwnInstallation {
    const { namespace, service, configuration, parts, namespaces } = this.#options.settings;
    return { namespace, service, configuration, parts, namespaces };
  }

  #checkLater(): void {
    this.#cancelCheck = this.#options.clock.after(checkEveryMs, () => void this.#check());
  }

  async #check(): Promise<void> {
    const { client, settings, log, onLost } = this.#options;
    try {
      const found = installationsOf(await installedConfigurations(client));
      const winner = rivalsOf(found, this.#own, settings.takeOver).find(({ takesOver }) => takesOver);
      if (winner) return onLost(`another Spikegate has taken over: ${describe(winner)}`);
    } catch (error) {
      log.debug({ err: (error as Error).message }, 'other installations could not be looked for');
    }
    this.#checkLater();
  }
}
