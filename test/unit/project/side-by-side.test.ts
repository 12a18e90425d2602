// The order of `npm test`: all files run once, the longest first, and what promises something by the clock has room.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { lengths } from '../../how-long.ts';
import { type Entry, type Phase, phasesOf, sideBySide } from '../../side-by-side.ts';
import { SimulatedClock, settle } from '../../simulated-clock.ts';

const root = join(import.meta.dirname, '..', '..', '..');
const files = [...Object.keys(lengths), 'test/unit/a.test.ts', 'test/unit/b.test.ts'].sort();

test('what is said to be long is there', () => {
  for (const file of Object.keys(lengths)) assert.ok(existsSync(join(root, file)), file);
});

interface Ran {
  entry: Entry;
  from: number;
  to: number;
}

/** Each takes as long as it is said to. */
async function play(phases: readonly Phase[]): Promise<Ran[]> {
  const clock = new SimulatedClock();
  const began = clock.monotonic();
  const ran: Ran[] = [];
  let isOver = false;
  const playing = (async () => {
    for (const phase of phases) {
      await sideBySide(phase, async (entry) => {
        const from = clock.monotonic() - began;
        await new Promise<void>((resolve) => clock.after(entry.seconds * 1000, resolve));
        ran.push({ entry, from: from / 1000, to: from / 1000 + entry.seconds });
      });
    }
    isOver = true;
  })();
  while (!isOver) {
    await settle();
    if (clock.untilNext !== undefined) await clock.advance(clock.untilNext);
  }
  await playing;
  return ran;
}

const beside = (ran: readonly Ran[], { from, to, entry }: Ran) =>
  ran.filter((it) => it.entry !== entry && it.from < to && it.to > from);

for (const withControlPlane of [false, true]) {
  describe(withControlPlane ? 'with a control plane' : 'without a control plane', () => {
    const phases = phasesOf(files, { cores: 2, withControlPlane });

    test('every file runs once', async () => {
      const ran = await play(phases);
      assert.deepEqual(ran.map(({ entry }) => entry.file).sort(), files);
    });

    test('beside what promises something by the clock nothing fills the machine up', async () => {
      const ran = await play(phases);
      const strict = ran.filter(({ entry }) => entry.byTheClock);
      assert.equal(strict.length, 2);
      for (const one of strict) {
        for (const at of [one.from + 0.5, (one.from + one.to) / 2, one.to - 0.5]) {
          const then = ran.filter(({ from, to }) => from < at && to > at);
          const cores = then.reduce((sum, { entry }) => sum + entry.cores, 0);
          assert.ok(cores < 2.001, `${cores} at ${at} s: ${then.map(({ entry }) => entry.file)}`);
        }
      }
    });
  });
}

test('nothing long is waited for alone', async () => {
  const ran = await play(phasesOf(files, { cores: 2, withControlPlane: false }));
  const end = Math.max(...ran.map(({ to }) => to));
  const last = ran.filter(({ from }) => from > end - 10);
  assert.ok(last.length >= 3, `${last.map(({ entry }) => entry.file)}`);
});

test('the scenarios of the control plane have the machine to themselves', async () => {
  const all = [...files, 'test/e2e/control-plane.test.ts'];
  const ran = await play(phasesOf(all, { cores: 4, withControlPlane: true }));
  const one = ran.find(({ entry }) => entry.file.endsWith('control-plane.test.ts'))!;
  assert.deepEqual([one.from, beside(ran, one)], [0, []]);
});

test('what is larger than the machine runs all the same', async () => {
  const entry = { file: 'test/large.test.ts', seconds: 1, cores: 9 };
  const ran: string[] = [];
  await sideBySide({ entries: [entry], atMost: 1, atMostByTheClock: 1 }, async ({ file }) => {
    ran.push(file);
  });
  assert.deepEqual(ran, [entry.file]);
});

test('an error of a start is told', async () => {
  const phase = { entries: [{ file: 'a', seconds: 1, cores: 1 }], atMost: 1, atMostByTheClock: 1 };
  await assert.rejects(
    sideBySide(phase, () => Promise.reject(new Error('no such program'))),
    /no such program/,
  );
});
