// The last items of the news, merged so that people can read them during a crowd: items of one sort and one namespace
// (ten orders reserved) share one row for two seconds. Fixed memory.
import { clipped } from './clipped.ts';
import type { NewsMark, NewsRow } from './wire.ts';

/** The part of an item that this file needs (news.ts has the rest). */
export interface RecentItem {
  at: number;
  topic: string;
  namespace: string;
  /** Keys of the goods, or of the person, that it is about. */
  about: readonly string[];
  who: string;
  what: string;
  count: number;
}

interface Kept extends NewsRow {
  topic: string;
  about: Set<string>;
}

/** Items within this time share a row. */
const togetherMs = 2000;
/** More rows than a board shows: a viewer of one namespace or seller sees only some of them. */
const maxKept = 200;
/** Maximum number of keys that a merged row keeps. */
const maxAbout = 64;

/** The mark decides the colour of a row. Colours mean the same as in the bars. */
const marks: Readonly<Record<string, NewsMark>> = {
  'order.Unpaid': 'waiting',
  'order.Paid': 'paid',
  'order.Expired': 'gone',
  'order.Rejected': 'gone',
  'order.deleted': 'gone',
};

function markOf(topic: string): NewsMark {
  if (topic.startsWith('refused.')) return 'refused';
  return (Object.hasOwn(marks, topic) ? marks[topic] : undefined) ?? 'plain';
}

export class RecentNews {
  readonly #rows: Kept[] = [];
  #lastId = 0;

  add({ at, topic, namespace, about, who, what, count }: RecentItem): void {
    const since = at - togetherMs;
    for (let index = this.#rows.length - 1; index >= 0 && this.#rows[index]!.at > since; index--) {
      const row = this.#rows[index]!;
      if (row.topic !== topic || row.namespace !== namespace) continue;
      row.more += count;
      for (const key of about) if (row.about.size < maxAbout) row.about.add(key);
      return;
    }
    this.#rows.push({
      id: ++this.#lastId,
      at,
      topic,
      namespace,
      about: new Set(about),
      who: clipped(who),
      what: clipped(what, 300),
      mark: markOf(topic),
      more: count - 1,
    });
    if (this.#rows.length > maxKept) this.#rows.shift();
  }

  /** Newest first, at most `max`. `isAbout`: whether the scope has the object with this key. */
  rows(max: number, namespace?: string, isAbout?: (key: string) => boolean): NewsRow[] {
    const rows: NewsRow[] = [];
    for (let index = this.#rows.length - 1; index >= 0 && rows.length < max; index--) {
      const { topic: _, about, ...row } = this.#rows[index]!;
      if (namespace !== undefined && row.namespace !== namespace) continue;
      if (isAbout && ![...about].some(isAbout)) continue;
      rows.push(row);
    }
    return rows;
  }
}
