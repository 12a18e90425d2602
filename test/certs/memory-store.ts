// The certificate Secret in memory, for development without a cluster and for tests: the same mechanism,
// kept by one process. Knows no Kubernetes.

import { ConflictError, type SecretStore } from '../../certs/secret-source.ts';
import type { SecretData } from '../../certs/secret-state.ts';

export class MemorySecretStore implements SecretStore {
  readonly #watchers = new Set<() => void>();
  #stored: { data: SecretData; version: string } | undefined;
  #revision = 0;

  async read(): Promise<{ data: SecretData; version: string } | undefined> {
    return this.#stored && { ...this.#stored, data: { ...this.#stored.data } };
  }

  async create(data: SecretData): Promise<string> {
    if (this.#stored) throw new ConflictError('the Secret exists already');
    return this.put(data);
  }

  async update(data: SecretData, version: string): Promise<string> {
    if (this.#stored?.version !== version) throw new ConflictError(`the Secret is not at version ${version}`);
    return this.put(data);
  }

  watch(listener: () => void, signal: AbortSignal): void {
    this.#watchers.add(listener);
    signal.addEventListener('abort', () => this.#watchers.delete(listener), { once: true });
  }

  isAt(version: string): boolean {
    return this.#stored?.version === version;
  }

  /** Stores without asking for a version, as `kubectl replace --force` would; undefined deletes. */
  put(data: SecretData | undefined): string {
    const version = String(++this.#revision);
    this.#stored = data && { data: { ...data }, version };
    for (const watcher of this.#watchers) watcher();
    return version;
  }
}
