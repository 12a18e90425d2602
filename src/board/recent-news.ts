// The last items of the news, merged so that people can read them during a crowd: items of one sort (ten orders
// reserved) share one row for two seconds. Fixed memory.
import { clipped } from './clipped.ts';
import type { NewsRow } from './wire.ts';

/** The part of an item that this file needs (news.ts has the rest). */
export interface RecentItem {
  at: number;
  topic: string;
  who: string;
  what: string;
  tone: NewsRow['tone'];
  count: number;
}

const togetherMs = 2000;

export class RecentNews {
  readonly #most: number;
  #rows: (NewsRow & { topic: string })[] = [];
  #ids = 0;

  constructor(most: number) {
    this.#most = most;
  }

  add({ at, topic, who, what, tone, count }: RecentItem): void {
    const since = at - togetherMs;
    for (let index = this.#rows.length - 1; index >= 0 && this.#rows[index]!.at > since; index--) {
      const row = this.#rows[index]!;
      if (row.topic !== topic) continue;
      row.more += count;
      return;
    }
    const words = { who: clipped(who), what: clipped(what, 300) };
    this.#rows.push({ id: ++this.#ids, at, topic, ...words, tone, more: count - 1 });
    if (this.#rows.length > this.#most) this.#rows.shift();
  }

  /** Newest first. */
  rows(): NewsRow[] {
    return this.#rows.map(({ topic: _, ...row }) => row).reverse();
  }
}
