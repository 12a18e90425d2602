// The vocabulary of the differential test: steps that are sent to both servers, and what comes back.

// biome-ignore lint/suspicious/noExplicitAny: objects of every kind, right and wrong ones
export type Json = any;

export interface Answer {
  code: number;
  headers: Record<string, string>;
  /** Parsed JSON or YAML; else the text. Of a watch: `{ events, ended }`. */
  body: Json;
}

/**
 * One request, as data. `@{name}` in path, headers and body stands for a variable of that server: `ns` (the
 * topic's namespace), `hook` and `hookCa` (the test's webhook), and whatever earlier steps saved.
 */
export interface Step {
  name: string;
  /** GET unless given. */
  method?: string;
  path: string;
  headers?: Record<string, string>;
  /** A string goes as it is, anything else as JSON. */
  body?: Json;
  /** Variables from the answer: name → path in the body, such as `metadata.uid`. */
  save?: Record<string, string>;
  /** Sent again until this holds, for what servers do a moment later; then compared. */
  until?: (answer: Answer) => boolean;
  /** Reads the answer as a watch: so many events, or until the server ends it. */
  events?: number;
  /** Begins the watch and goes on; the step that has the same name in `read` takes its events. */
  open?: string;
  /** Takes `events` events of the watch begun by `open`; nothing is sent. */
  read?: string;
  /** Compares what the webhooks were asked since the last time, by path; nothing is sent. */
  reviews?: true;
  /** Compares this part of the body only. */
  pick?: string;
  /** Lists of things with names are compared by name, not by position. */
  keyed?: true;
  /** Events or items have no order that a client may rely on. */
  unordered?: true;
  /** Prepares something; its answer must be a success but is not compared. */
  setup?: true;
}

export interface Topic {
  name: string;
  steps: Step[];
}

/** What one server answered: steps' names to answers, in their order. */
export type Recording = Map<string, Answer>;

export interface Difference {
  /** `topic/step` */
  step: string;
  /** `code`, `header.warning`, `body.metadata.name`, … */
  path: string;
  real: unknown;
  sandbox: unknown;
}
