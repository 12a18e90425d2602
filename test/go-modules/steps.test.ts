import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { sleep, systemClock } from '../../src/runtime/clock.ts';
import { oneAtATime, Steps } from './steps.ts';

const dir = mkdtempSync(join(tmpdir(), 'spikegate-steps-'));
after(() => rmSync(dir, { recursive: true }));

test('a failing step shows the end of its output, and the log has all of it', async () => {
  const logFile = join(dir, 'build.log');
  const steps = new Steps(logFile);
  const script = 'for i in $(seq 100); do echo line $i; done; echo the cause >&2; exit 3';
  const error = await steps.run('sh', ['-c', script]).catch((failure: Error) => failure);
  steps.close();
  assert.ok(error instanceof Error);
  assert.match(error.message, /^sh -c ended with code 3/);
  assert.match(error.message, /the cause/);
  assert.match(error.message, /\nline 100$/m);
  assert.doesNotMatch(error.message, /\nline 1$/m);
  await sleep(systemClock, 50);
  assert.match(readFileSync(logFile, 'utf8'), /\nline 1\n/);
});

test('a step gives back its standard output alone', async () => {
  const steps = new Steps(join(dir, 'log'));
  assert.equal(await steps.run('sh', ['-c', 'echo noise >&2; echo a; echo b']), 'a\nb');
  steps.close();
});

const noLock = process.platform === 'linux' ? false : 'the lock is made for Linux, where the build runs';

test('two builds at once: the second waits, says so, and then runs', { skip: noLock }, async () => {
  const happened: string[] = [];
  const name = `spikegate-test-${process.pid}`;
  const build = (id: string) =>
    oneAtATime(
      name,
      () => happened.push(`${id} waits`),
      async () => {
        happened.push(`${id} begins`);
        await sleep(systemClock, 100);
        happened.push(`${id} ends`);
      },
    );
  const first = build('first');
  await sleep(systemClock, 30);
  await Promise.all([first, build('second')]);
  assert.deepEqual(happened, ['first begins', 'second waits', 'first ends', 'second begins', 'second ends']);
});

test('a failed build gives its lock back', { skip: noLock }, async () => {
  const name = `spikegate-test-failing-${process.pid}`;
  const failing = oneAtATime(name, assert.fail, async () => {
    throw new Error('no disk');
  });
  await assert.rejects(failing, /no disk/);
  assert.equal(await oneAtATime(name, assert.fail, async () => 'ran'), 'ran');
});
