// Refuses a JSON text that would cost the parser too much, before it is parsed. JSON.parse cannot be interrupted, and
// for each byte of a text like `[],[],` it allocates up to sixty bytes. Pure; does not know what the text means.

export interface JsonLimits {
  /** Depth of nested objects and lists. */
  depth: number;
  /** Number of `{`, `[`, `,` and `:` outside of strings. */
  tokens: number;
}

/** Returns why the text must not be parsed, or undefined. Does not check that the text is JSON. */
export function whyTooComplex(text: Uint8Array, { depth, tokens }: JsonLimits): string | undefined {
  // A level needs two bytes (`[` and `]`), and a token one. Most reviews are too small to exceed a limit, so they need
  // no scan.
  if (text.length <= 2 * depth && text.length <= tokens) return undefined;
  let currentDepth = 0;
  let seenTokens = 0;
  for (let at = 0; at < text.length; at++) {
    switch (text[at]) {
      case 0x22: // "
        for (at++; at < text.length && text[at] !== 0x22; at++) if (text[at] === 0x5c) at++;
        break;
      case 0x7b: // {
      case 0x5b: // [
        seenTokens++;
        if (++currentDepth > depth) return `the body must be nested at most ${depth} deep`;
        break;
      case 0x7d: // }
      case 0x5d: // ]
        currentDepth--;
        break;
      case 0x2c: // ,
      case 0x3a: // :
        seenTokens++;
        break;
    }
    if (seenTokens > tokens) return `the body must have at most ${tokens} JSON tokens ({ [ , :)`;
  }
  return undefined;
}
