// Runs the checks of components outside the cluster in the background. Each component has a timer, and at most one
// check at a time. A reconcile only reads the last result.
import type { Component, DataService, ThirdParty } from '../../api/data-service.ts';
import { kindOf } from '../../api/data-service.ts';
import { builtIn } from '../../api/data-service-parts.ts';
import { keyOf } from '../../kube/objects.ts';
import type { Clock } from '../../runtime/clock.ts';
import { hashOf } from '../../workloads/identity.ts';
import { type CheckResult, timesOf } from './checks.ts';
import { presentIn } from './children.ts';

/** Must never reject. */
export type ThirdPartyCheck = (
  thirdParty: ThirdParty,
  defaultPort: number,
  signal: AbortSignal,
) => Promise<CheckResult>;

interface Watched {
  /** Hash of the spec that is checked. Another spec starts a new check. */
  specHash: string;
  result: CheckResult | undefined;
  abort: AbortController;
  cancel: () => void;
}

export class ThirdParties {
  readonly #clock: Clock;
  readonly #check: ThirdPartyCheck;
  readonly #wake: (key: string) => void;
  readonly #watched = new Map<string, Map<Component, Watched>>();

  constructor(options: { clock: Clock; check: ThirdPartyCheck; wake(key: string): void }) {
    this.#clock = options.clock;
    this.#check = options.check;
    this.#wake = options.wake;
  }

  /** Starts checks for the third parties in the spec, and stops the checks of all others of this object. */
  follow(object: DataService): void {
    const key = keyOf(object);
    const watched = this.#watched.get(key) ?? new Map<Component, Watched>();
    const wanted = new Map(
      presentIn(object).flatMap(([name, spec]): [Component, ThirdParty][] =>
        kindOf(name, spec) === 'thirdParty' && spec.thirdParty ? [[name, spec.thirdParty]] : [],
      ),
    );
    for (const [name, it] of watched) {
      if (wanted.has(name) && it.specHash === hashOf(wanted.get(name))) continue;
      stopCheck(it);
      watched.delete(name);
    }
    for (const [name, thirdParty] of wanted) {
      if (!watched.has(name)) watched.set(name, this.#begin(key, name, thirdParty));
    }
    if (watched.size > 0) this.#watched.set(key, watched);
    else this.#watched.delete(key);
  }

  /** Undefined until the first result. */
  resultOf(object: DataService, name: Component): CheckResult | undefined {
    return this.#watched.get(keyOf(object))?.get(name)?.result;
  }

  forget(key: string): void {
    for (const it of this.#watched.get(key)?.values() ?? []) stopCheck(it);
    this.#watched.delete(key);
  }

  stop(): void {
    for (const key of [...this.#watched.keys()]) this.forget(key);
  }

  #begin(key: string, name: Component, thirdParty: ThirdParty): Watched {
    const it: Watched = {
      specHash: hashOf(thirdParty),
      result: undefined,
      abort: new AbortController(),
      cancel: () => {},
    };
    void this.#run(key, name, thirdParty, it);
    return it;
  }

  async #run(key: string, name: Component, thirdParty: ThirdParty, it: Watched): Promise<void> {
    const result = await this.#check(thirdParty, builtIn[name].port, it.abort.signal);
    if (it.abort.signal.aborted) return;
    const before = it.result;
    it.result = result;
    if (before?.isUsable !== result.isUsable || before.message !== result.message) this.#wake(key);
    const { nextMs } = timesOf(thirdParty, result.isUsable);
    it.cancel = this.#clock.after(nextMs, () => void this.#run(key, name, thirdParty, it));
  }
}

function stopCheck({ abort, cancel }: Watched): void {
  abort.abort();
  cancel();
}
