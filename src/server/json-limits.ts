// Measures how much work a JSON text is for its parser, before it is parsed. JSON.parse turns each byte of `[],`
// into up to sixty bytes, in one step that nothing can interrupt. Pure; does not know what the text means.

export interface JsonLimits {
  /** Depth of nested objects and lists. */
  depth: number;
  /** Number of `{`, `[`, `,` and `:` outside of strings. */
  tokens: number;
}

/** Returns why the text must not be parsed, or undefined. One pass. A text that is not JSON may pass. */
export function whyTooComplex(text: Uint8Array, { depth, tokens }: JsonLimits): string | undefined {
  // A closed level takes at least two bytes, and a token takes one. Most reviews are too small to exceed either
  // limit.
  if (text.length <= 2 * depth && text.length <= tokens) return undefined;
  let open = 0;
  let seen = 0;
  for (let at = 0; at < text.length; at++) {
    switch (text[at]) {
      case 0x22: // "
        for (at++; at < text.length && text[at] !== 0x22; at++) if (text[at] === 0x5c) at++;
        break;
      case 0x7b: // {
      case 0x5b: // [
        seen++;
        if (++open > depth) return `the body must be nested at most ${depth} deep`;
        break;
      case 0x7d: // }
      case 0x5d: // ]
        open--;
        break;
      case 0x2c: // ,
      case 0x3a: // :
        seen++;
        break;
    }
    if (seen > tokens) return `the body must have at most ${tokens} JSON tokens ({ [ , :)`;
  }
  return undefined;
}
