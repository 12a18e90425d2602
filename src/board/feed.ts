// What viewers receive, made once for all of them: the whole state for a new viewer, and the changes since the last
// frame for the others. Knows no connection.
import type { Sections } from './wire.ts';

export interface Frame {
  /** Everything, as one event. */
  whole(): string;
  /** The sections that differ from the last frame, as one event. Undefined when none does. */
  readonly changes: string | undefined;
}

export class Feed {
  readonly #readSections: (now: number) => Sections;
  readonly #now: () => number;
  /** JSON of each section in the last frame, by name. */
  readonly #texts = new Map<string, string>();
  #id = 0;

  constructor(readSections: (now: number) => Sections, now: () => number) {
    this.#readSections = readSections;
    this.#now = now;
  }

  next(): Frame {
    const now = this.#now();
    const changed: string[] = [];
    for (const [name, section] of Object.entries(this.#readSections(now))) {
      const text = JSON.stringify(section);
      if (this.#texts.get(name) === text) continue;
      this.#texts.set(name, text);
      changed.push(name);
    }
    const id = ++this.#id;
    const event = (names: Iterable<string>) => {
      const parts = [...names].map((name) => `,"${name}":${this.#texts.get(name)}`);
      return `event: state\nid: ${id}\ndata: {"now":${now}${parts.join('')}}\n\n`;
    };
    let whole: string | undefined;
    return {
      // The caller calls `whole` before the next frame, so the texts are still those of this frame.
      whole: () => (whole ??= event(this.#texts.keys())),
      changes: changed.length > 0 ? event(changed) : undefined,
    };
  }

  /**
   * An event that shows that the server is alive although nothing changes. It is an event and not a comment, because
   * EventSource does not pass comments to the page.
   */
  beat(): string {
    return `event: beat\ndata: {"now":${this.#now()}}\n\n`;
  }
}
