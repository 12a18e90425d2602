import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { sleep, systemClock } from '../../src/runtime/clock.ts';
import { isRunning, type RunningProgram, startProgram, stopProcess, waitUntil } from './process.ts';

const dir = mkdtempSync(join(tmpdir(), 'spikegate-process-'));
after(() => rmSync(dir, { recursive: true }));
const logFile = join(dir, 'log');
const sleeper = { name: 'sleeper', path: 'sleep', args: ['60'], logFile };

test('a process is stopped, and stopping it again does nothing', async () => {
  const running = await startProgram(sleeper);
  assert.ok(isRunning(running));
  await stopProcess(running);
  assert.ok(!isRunning(running));
  await stopProcess(running);
});

test('one that ignores SIGTERM is killed after its grace', async () => {
  const script = 'trap "" TERM; echo trapped; while :; do sleep 0.05; done';
  const stubborn = { name: 'stubborn', path: 'sh', args: ['-c', script], logFile: join(dir, 'stubborn') };
  const running = await startProgram(stubborn);
  await sleep(systemClock, 100);
  await stopProcess(running, { graceMs: 100 });
  assert.ok(!isRunning(running));
});

test('a process that only has the same id as ours is left alone', async () => {
  const other = await startProgram(sleeper);
  const before = { ...other, started: 'an earlier time' };
  assert.ok(!isRunning(before));
  await stopProcess(before);
  assert.ok(isRunning(other));
  await stopProcess(other);
});

test('a program that ends while it starts is an error with the end of its log', async () => {
  const failing = { name: 'failing', path: 'sh', args: ['-c', 'echo no such flag; exit 2'], logFile };
  const running = await startProgram(failing);
  await assert.rejects(
    waitUntil(running, async () => false, 5_000),
    /failing ended while it was starting.*\n(.*\n)*no such flag/,
  );
});

test('a program that does not exist is an error, not a hang', async () => {
  const missing = { name: 'missing', path: join(dir, 'missing'), args: [], logFile };
  const detached = startProgram(missing, { detached: true });
  await assert.rejects(detached, /ENOENT/);
});

async function startedByAnother(detached: boolean): Promise<[RunningProgram, () => Promise<unknown>]> {
  const script = `
    import { startProgram } from ${JSON.stringify(new URL('./process.ts', import.meta.url).href)};
    const running = await startProgram(${JSON.stringify(sleeper)}, { detached: ${detached} });
    console.log(JSON.stringify(running));
    setInterval(() => {}, 1000);`;
  const starter = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await once(starter.stdout, 'data');
  const kill = () => {
    starter.kill('SIGKILL');
    return once(starter, 'exit');
  };
  return [JSON.parse(String(line)), kill];
}

const noGuard = process.platform === 'linux' ? false : 'only Linux ends a process with its killed parent';

test('a program ends with its starter even when that is killed', { skip: noGuard }, async () => {
  const [program, killStarter] = await startedByAnother(false);
  assert.ok(isRunning(program));
  await killStarter();
  await sleep(systemClock, 100);
  assert.ok(!isRunning(program));
});

test('a detached program outlives its starter', async () => {
  const [program, killStarter] = await startedByAnother(true);
  await killStarter();
  await sleep(systemClock, 100);
  assert.ok(isRunning(program));
  await stopProcess(program);
});
