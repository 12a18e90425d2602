// The work queue against a model that is slow and plain: random operations, the same answers.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WorkQueue } from '../../../src/runtime/queue.ts';
import { SimulatedClock } from '../../simulated-clock.ts';

interface Item {
  key: string;
  priority: number;
  /** Since when it waits. */
  since: number;
  /** When it came into the lane of its priority. */
  order: number;
}

const groupOf = (key: string): string => key.slice(0, key.indexOf('/'));

class Model {
  waiting: Item[] = [];
  working = new Map<string, { priority: number; again?: { priority: number; since: number } }>();
  /** Groups with waiting keys, in the order of their turns. */
  turns: string[] = [];
  later: { key: string; at: number; priority: number; order: number }[] = [];
  failures = new Map<string, number>();
  now = 0;
  #order = 0;

  add(key: string, priority: number, since = this.now): void {
    const working = this.working.get(key);
    if (working) {
      const { again } = working;
      working.again = { since, ...again, priority: Math.max(priority, again?.priority ?? priority) };
      return;
    }
    const waiting = this.waiting.find((item) => item.key === key);
    if (!waiting) this.waiting.push({ key, priority, since, order: this.#order++ });
    else if (priority > waiting.priority) Object.assign(waiting, { priority, order: this.#order++ });
    if (!this.turns.includes(groupOf(key))) this.turns.push(groupOf(key));
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

  /** Of the group whose turn it is, the first key of each priority; of those the one that is due first. */
  take(): string {
    const group = this.turns.shift()!;
    const items = this.waiting.filter((item) => groupOf(item.key) === group);
    const firsts = items.filter((item) =>
      items.every((other) => other.priority !== item.priority || other.order >= item.order),
    );
    const due = ({ since, priority }: Item) => since - priority * 100;
    const best = firsts.reduce((a, b) =>
      due(b) < due(a) || (due(b) === due(a) && b.priority > a.priority) ? b : a,
    );
    this.waiting.splice(this.waiting.indexOf(best), 1);
    if (items.length > 1) this.turns.push(group);
    this.working.set(best.key, { priority: best.priority });
    return best.key;
  }

  done(key: string): void {
    const again = this.working.get(key)?.again;
    this.working.delete(key);
    if (again !== undefined) this.add(key, again.priority, again.since);
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
  const queue = new WorkQueue({ name: 'q', clock, groupOf });
  const model = new Model();
  for (let step = 0; step < 80; step++) {
    const key = `${['a', 'b', 'c'][whole(3)]}/${whole(4)}`;
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
