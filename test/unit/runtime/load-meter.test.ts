// The load meter: what arrives within a window, in all and by group, and what is in flight at once.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LoadMeter, MovingAverage } from '../../../src/runtime/load-meter.ts';
import { SimulatedClock } from '../../simulated-clock.ts';

test('counts the units of the last half second, and no others', async () => {
  const clock = new SimulatedClock();
  const meter = new LoadMeter(clock, 500);
  for (let i = 0; i < 100; i++) {
    meter.add(3);
    await clock.advance(10);
  }
  // The last 50 arrivals, of which the oldest has just left the window.
  assert.equal(meter.units, 49 * 3);
  await clock.advance(500);
  assert.equal(meter.units, 0);
});

test('counts each group by itself, and forgets a group without arrivals', async () => {
  const clock = new SimulatedClock();
  const meter = new LoadMeter(clock, 500);
  meter.add(1, 'a');
  await clock.advance(400);
  meter.add(2, 'b');
  assert.deepEqual([meter.unitsOf('a'), meter.unitsOf('b'), meter.groups], [1, 2, 2]);
  await clock.advance(200);
  assert.deepEqual([meter.unitsOf('a'), meter.unitsOf('b'), meter.groups], [0, 2, 1]);
  meter.clear();
  assert.deepEqual([meter.units, meter.groups], [0, 0]);
});

test('says how many are in flight: 100 arrivals a second of 20 ms each are 2 at once', async () => {
  const clock = new SimulatedClock();
  const meter = new LoadMeter(clock, 500);
  for (let i = 0; i < 50; i++) {
    await clock.advance(10);
    meter.add();
  }
  assert.equal(meter.inFlight(20), 2);
});

test('the average starts at the first sample and follows a change within ten samples', () => {
  const average = new MovingAverage();
  assert.equal(average.ms, 0);
  average.add(10);
  assert.equal(average.ms, 10);
  for (let i = 0; i < 10; i++) average.add(20);
  assert.ok(average.ms > 18.5 && average.ms < 20, String(average.ms));
});
