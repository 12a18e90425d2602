// What a seed decides before anything happens: the weather, the crowd, the machines and how fast all of it goes.
import { longestUndecidedMs } from '../../src/api/holds.ts';
import type { Weather } from './client.ts';
import type { Temper } from './crowd.ts';
import type { Mishaps } from './front-door.ts';
import type { Random } from './random.ts';
import type { Settings } from './replica.ts';

export interface Plan {
  /** No failures at all: then nothing may be left to a time limit. */
  calm: boolean;
  weather: Weather;
  mishaps: Mishaps;
  temper: Temper;
  /** How often time passes, events travel, tasks run, people act; by weight. */
  pace: { task: number; feed: number; time: number; act: number };
  actions: number;
  replicas: number;
  goods: number;
  /** Units that goods have at the most. */
  maxStock: number;
  settings: Settings;
  skewMs: number;
}

const holdLimitMs = longestUndecidedMs;

/** In the histories of these seeds etcd is restored from a backup, unless they are calm: 4, 13, 22, … */
export const restoreSeeds = { first: 4, step: 9 } as const;

export function plan(seed: number, random: Random): Plan {
  const calm = random.chance(0.2);
  const storm = calm ? 0 : random.pick([0, 0.3, 1]);
  const restores = !calm && seed % restoreSeeds.step === restoreSeeds.first;
  const rare = (most: number) => (calm || random.chance(0.5) ? 0 : random.next() * most);
  const often = (most: number) => most * random.pick([0.1, 0.5, 1, 3]) * random.next();
  const slow = random.pick([0.3, 1, 1, 3, 60]);
  const drawn: Plan = {
    calm,
    weather: {
      lostRequest: 0.05 * storm * random.next(),
      lostAnswer: 0.1 * storm * random.next(),
      late: 0.1 * storm * random.next(),
      refused: 0.05 * storm * random.next(),
    },
    mishaps: {
      ...{ deniedByOthers: rare(0.2), judgedTwice: rare(0.2), answerLost: rare(0.2) },
      // Drawn from nothing, so that seeds keep their histories.
      slowOthers: calm || seed % 5 > 1 ? 0 : 0.5,
      slowStore: calm || seed % 5 !== 3 ? 0 : 0.3,
    },
    temper: {
      order: 10,
      bypass: random.chance(0.3) ? often(3) : 0,
      sameName: rare(3),
      pay: often(3),
      cancel: often(3),
      touch: rare(3),
      stock: random.chance(0.4) ? often(2) : 0,
      replaceGoods: random.chance(0.25) ? often(2) : 0,
      crash: rare(1.5),
      crashLeader: rare(1.5),
      // Drawn from nothing, so that seeds keep their histories.
      pause: calm || seed % 3 !== 0 ? 0 : 2,
      elect: rare(4),
      stepDown: rare(1),
      start: 2,
      relist: rare(1.5),
      rewind: rare(1.5),
      setClock: calm || seed % 4 !== 1 ? 0 : 1,
      restore: restores ? 1 : 0,
      foreignTerm: calm || seed % 7 !== 2 ? 0 : 2,
    },
    pace: { task: 10, feed: 6 / slow, time: random.pick([0.5, 1, 3]), act: random.pick([0.6, 1.5, 4]) },
    actions: random.int(15, 75),
    replicas: random.int(1, 3),
    goods: random.pick([1, 1, 2, 3]),
    maxStock: random.pick([6, 6, 6, 40]),
    settings: {
      paymentWindowMs: random.pick([3_000, 20_000, 90_000]),
      holdLimitMs,
      lots: {
        leastDemand: random.pick([0, 1, 2]),
        share: random.pick([0.5, 1]),
        dense: seed % 2 === 0 ? 0 : 4,
      },
      crowd: random.pick([0, 0.3, 100]),
      acceptDelayMs: random.pick([0, 500, 5_000]),
      freeze: seed % 16 === 0,
      looks: restores,
    },
    // Behind by more than a hold may wait, ahead by as much.
    skewMs: calm ? 0 : random.pick([0, 2000, 150_000]),
  };
  if (restores) return restored(drawn, random);
  return calm || random.chance(0.7) ? drawn : siege(drawn, random);
}

/** etcd is put back to an earlier moment, under a leader that mostly stays, with orders that come and go. */
function restored(drawn: Plan, random: Random): Plan {
  const rarely = { crash: 0.1, crashLeader: 0.1, elect: 0.2, stepDown: 0, pause: 0.2 };
  return {
    ...drawn,
    temper: { ...drawn.temper, ...rarely, order: 10, cancel: 5, pay: 2, start: 1, restore: 2 },
    pace: { ...drawn.pace, act: random.pick([0.6, 1.5]) },
    actions: 75,
    settings: { ...drawn.settings, paymentWindowMs: random.pick([20_000, 90_000]) },
  };
}

/** Several leaders at a time, orders past admission among the others, and little time. */
function siege(drawn: Plan, random: Random): Plan {
  return {
    ...drawn,
    temper: {
      ...{ ...drawn.temper, order: 8, cancel: 4, pay: 2, elect: 3 },
      ...{ crash: 0.3, crashLeader: 0.3, stepDown: 0.4, relist: 0.5, rewind: 0.5 },
      bypass: random.pick([0, 6]),
      stock: random.pick([0, 2]),
      replaceGoods: random.pick([0, 0, 4]),
    },
    pace: { ...drawn.pace, time: 0.5, act: 2 },
    actions: 80,
    replicas: 3,
    goods: 2,
    settings: { ...drawn.settings, paymentWindowMs: 3_000 },
  };
}
