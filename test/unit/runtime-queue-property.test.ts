// The work queue against a model that is slow and plain: random operations, the same answers.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WorkQueue } from '../../src/runtime/queue.ts';
import { SimulatedClock } from '../simulated-clock.ts';

interface Item {
  key: string;
  priority: number;
  order: number;
}

class Model {
  waiting: Item[] = [];
  working = new Map<string, { priority: number; again?: number }>();
  later: { key: string; at: number; priority: number; order: number }[] = [];
  failures = new Map<string, number>();
  now = 0;
  #order = 0;

  add(key: string, priority: number): void {
    const working = this.working.get(key);
    if (working) {
      working.again = Math.max(priority, working.again ?? Number.NEGATIVE_INFINITY);
      return;
    }
    const waiting = this.waiting.find((item) => item.key === key);
    if (!waiting) this.waiting.push({ key, priority, order: this.#order++ });
    else if (priority > waiting.priority) Object.assign(waiting, { priority, order: this.#order++ });
  }

  addAfter(key: string, ms: number, priority: number): void {
    const later = this.later.find((item) => item.key === key);
    if (later) {
      later.at = Math.min(later.at, this.now + ms);
      later.priority = Math.max(later.priority, priority);
    } else this.later.push({ key, at: this.now + ms, priority, order: this.#order++ });
  }

  retry(key: string): void {
    const failures = this.failures.get(key) ?? 0;
    this.failures.set(key, failures + 1);
    this.addAfter(key, Math.min(1_000_000, 5 * 2 ** failures), this.working.get(key)?.priority ?? 0);
  }

  take(): string {
    const best = this.waiting.reduce((a, b) =>
      b.priority > a.priority || (b.priority === a.priority && b.order < a.order) ? b : a,
    );
    this.waiting.splice(this.waiting.indexOf(best), 1);
    this.working.set(best.key, { priority: best.priority });
    return best.key;
  }

  done(key: string): void {
    const again = this.working.get(key)?.again;
    this.working.delete(key);
    if (again !== undefined) this.add(key, again);
  }

  advance(ms: number): void {
    const end = this.now + ms;
    for (;;) {
      const due = this.later
        .filter((item) => item.at <= end)
        .sort((a, b) => a.at - b.at || a.order - b.order)[0];
      if (!due) break;
      this.now = due.at;
      this.later.splice(this.later.indexOf(due), 1);
      this.add(due.key, due.priority);
    }
    this.now = end;
  }
}

function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return state / 2 ** 32;
  };
}

async function run(seed: number): Promise<void> {
  const random = randomFrom(seed);
  const whole = (n: number) => Math.floor(random() * n);
  const clock = new SimulatedClock();
  const queue = new WorkQueue({ name: 'q', clock });
  const model = new Model();
  for (let step = 0; step < 80; step++) {
    const key = `k${whole(6)}`;
    const priority = [-100, 0, 0, 3][whole(4)]!;
    const action = random();
    if (action < 0.25) {
      queue.add(key, priority);
      model.add(key, priority);
    } else if (action < 0.4) {
      const ms = 1 + whole(3_000);
      queue.addAfter(key, ms, priority);
      model.addAfter(key, ms, priority);
    } else if (action < 0.65) {
      if (model.waiting.length > 0)
        assert.equal(await queue.take(), model.take(), `seed ${seed} step ${step}`);
    } else if (action < 0.85) {
      const working = [...model.working.keys()];
      if (working.length > 0) {
        const taken = working[whole(working.length)]!;
        const outcome = random();
        if (outcome < 0.3) {
          queue.retry(taken);
          model.retry(taken);
        } else if (outcome < 0.6) {
          queue.forget(taken);
          model.failures.delete(taken);
        }
        queue.done(taken);
        model.done(taken);
      }
    } else {
      const ms = whole(2_000);
      await clock.advance(ms);
      model.advance(ms);
    }
    assert.deepEqual(
      [queue.depth(), queue.delayed],
      [model.waiting.length, model.later.length],
      `seed ${seed} step ${step}`,
    );
  }
}

test('800 random runs take the same keys in the same order as the model', async () => {
  for (let seed = 1; seed <= 800; seed++) await run(seed);
});
