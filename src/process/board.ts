// The board of a serving process, and the sources of its facts.
import { hostname } from 'node:os';
import { Board } from '../board/board.ts';
import type { SaleNews } from '../board/news.ts';
import { Replicas } from '../board/replicas.ts';
import type { LeaderCaches } from '../controllers/leading.ts';
import type { Client } from '../kube/client.ts';
import type { Clock } from '../runtime/clock.ts';
import type { ServeSettings } from '../settings/serve.ts';
import type { Elector } from './election.ts';

/** The fields of a reflector that the board shows. `trouble`: why the watch is broken. */
export interface Followed {
  readonly trouble: string | undefined;
  /** Monotonic ms. */
  readonly lastActivity: number;
}

export interface ServeBoardOptions {
  settings: ServeSettings;
  caches: LeaderCaches;
  reflectors: readonly Followed[];
  elector: Elector;
  /** Epoch seconds. */
  certificateExpires(): number;
  client: Pick<Client, 'list'>;
  news: SaleNews;
  clock: Clock;
  /** Commands that the board shows while there are no goods. */
  firstSteps?: string[];
}

export function createBoard(options: ServeBoardOptions): Board {
  const { settings, caches, reflectors, elector, news, clock } = options;
  const replicas = new Replicas({ client: options.client, namespace: settings.namespace, clock });
  const board = new Board({
    caches,
    clock,
    paymentWindowMs: settings.paymentWindow,
    firstSteps: options.firstSteps ?? ['kubectl create -f sale.yaml'],
    facts() {
      const count = replicas.count();
      return {
        replica: hostname(),
        ...(count ? { replicas: count } : {}),
        leader: leaderOf(elector),
        ...troubleOf(reflectors, clock),
        certificateExpires: options.certificateExpires() * 1000,
      };
    },
  });
  news.on((item) => board.told(item));
  return board;
}

function leaderOf({ isLeader, hasLeader, leader }: Elector) {
  if (isLeader) return { who: 'here' as const, name: hostname() };
  // The identity ends in a uuid that tells restarts apart. People know the pod by its host name.
  if (hasLeader) return { who: 'elsewhere' as const, name: leader.replace(/_[0-9a-f-]{36}$/, '') };
  return { who: 'nobody' as const, name: '' };
}

function troubleOf(reflectors: readonly Followed[], clock: Clock) {
  const lost = reflectors.filter(({ trouble }) => trouble !== undefined);
  if (lost.length === 0) return {};
  const lastHeard = Math.min(...lost.map(({ lastActivity }) => lastActivity));
  return {
    trouble: {
      why: (lost[0]!.trouble ?? '').slice(0, 200),
      // Whole seconds: the two clocks are read one after the other, so the exact value would change at each call.
      heardAt: Math.round((clock.now() - (clock.monotonic() - lastHeard)) / 1000) * 1000,
    },
  };
}
