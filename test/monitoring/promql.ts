// Reads out of PromQL what a test needs to know: which metrics a query asks for, with which labels. No evaluation.

export interface Matcher {
  label: string;
  op: '=' | '!=' | '=~' | '!~';
  value: string;
}

export interface Selector {
  metric: string;
  matchers: Matcher[];
}

export interface Reading {
  selectors: Selector[];
  /** Labels named by by, without, on, ignoring and group_left. */
  labels: string[];
}

const token =
  /"(?:[^"\\]|\\.)*"|\[[^\]]*\]|[a-zA-Z_:][\w:]*|\d[\w.]*|=~|!~|!=|==|>=|<=|[-+*/%^<>=(){},]|\s+|(.)/g;
const grouping = new Set(['by', 'without', 'on', 'ignoring', 'group_left', 'group_right']);
const words = new Set(['and', 'or', 'unless', 'bool', 'offset', ...grouping]);

/** Throws where the query has something that this reader does not know. */
export function readQuery(query: string): Reading {
  const tokens: string[] = [];
  for (const match of query.matchAll(token)) {
    if (match[1] !== undefined) throw new Error(`unknown "${match[1]}" in ${query}`);
    if (match[0].trim()) tokens.push(match[0]);
  }
  const found: Reading = { selectors: [], labels: [] };
  for (let at = 0; at < tokens.length; at++) {
    const word = tokens[at]!;
    const next = tokens[at + 1];
    if (!/^[a-zA-Z_:]/.test(word)) {
      if (word === '{') throw new Error(`a selector without a name in ${query}`);
      continue;
    }
    if (grouping.has(word)) {
      const end = tokens.indexOf(')', at);
      found.labels.push(...tokens.slice(at + 2, end).filter((it) => it !== ','));
      at = end;
    } else if (next !== '(' && !words.has(word) && !grouping.has(next ?? '')) {
      const end = next === '{' ? tokens.indexOf('}', at) : at;
      found.selectors.push({ metric: word, matchers: matchersOf(tokens.slice(at + 2, end)) });
      at = end;
    }
  }
  return found;
}

function matchersOf(tokens: readonly string[]): Matcher[] {
  const matchers: Matcher[] = [];
  for (let at = 0; at + 2 < tokens.length; at += 4) {
    const [label, op, value] = tokens.slice(at, at + 3);
    matchers.push({ label: label!, op: op as Matcher['op'], value: JSON.parse(value!) });
  }
  return matchers;
}
