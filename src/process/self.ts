// Finds the user name of this process, as the API server knows it. Admission compares it with the user of each write of a
// status, and so recognises Spikegate's own writes.
import type { Client } from '../kube/client.ts';
import { exponential } from '../runtime/backoff.ts';
import type { Cancel, Clock } from '../runtime/clock.ts';
import type { Log } from '../runtime/log.ts';
import type { Component } from '../runtime/manager.ts';

const firstRetryMs = 500;
const longestRetryMs = 60_000;
const requestTimeoutMs = 5_000;

/** Sends a SelfSubjectReview (authentication.k8s.io/v1, since Kubernetes 1.28), and retries until it has the name. */
export class Self implements Component {
  readonly name = 'self';
  readonly #client: Pick<Client, 'request'>;
  readonly #clock: Pick<Clock, 'after'>;
  readonly #log: Log;
  #user: string | undefined;
  #cancel: Cancel | undefined;
  #isStopped = false;

  constructor({
    client,
    clock,
    log,
  }: {
    client: Pick<Client, 'request'>;
    clock: Pick<Clock, 'after'>;
    log: Log;
  }) {
    this.#client = client;
    this.#clock = clock;
    this.#log = log;
  }

  /** The user's name. While it is undefined, admission does not refuse writes of counters by other users. */
  get user(): string | undefined {
    return this.#user;
  }

  /** Waits for the first answer only: in a cluster that refuses the review, the sale must start, too. */
  async start(): Promise<void> {
    await this.#ask(0);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancel?.();
  }

  async #ask(failures: number): Promise<void> {
    const answer = await this.#client
      .request('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', {
        body: { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' },
        timeoutMs: requestTimeoutMs,
      })
      .catch((error: Error) => ({ status: 0, body: { message: error.message } }));
    const { status, message } = (answer.body ?? {}) as Answer;
    const username = typeof status === 'object' ? status.userInfo?.username : undefined;
    if (typeof username === 'string' && username !== '') {
      this.#user = username;
      return;
    }
    if (failures === 0) {
      const why = message ?? `HTTP ${answer.status}`;
      this.#log.warn({ err: why }, 'not known yet who this is: writes of counters by others are not refused');
    }
    if (this.#isStopped) return;
    const wait = exponential(failures, firstRetryMs, longestRetryMs);
    this.#cancel = this.#clock.after(wait, () => void this.#ask(failures + 1));
  }
}

interface Answer {
  /** An object in a SelfSubjectReview; a string in a Status, which is the API server's refusal. */
  status?: { userInfo?: { username?: unknown } } | string;
  message?: string;
}
