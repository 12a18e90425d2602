// How much a JSON text may ask of its parser, counted before it is parsed. JSON.parse makes up to sixty bytes of each
// byte of `[],`, in one go that nothing can interrupt. Pure; knows nothing of what the text says.

export interface JsonLimits {
  /** Objects and lists inside each other. */
  depth: number;
  /** Objects, lists and what separates their members: `{`, `[`, `,` and `:` outside of strings. */
  tokens: number;
}

/** Why the text may not be parsed, in words, or undefined. One pass; a text that is no JSON may pass. */
export function whyTooComplex(text: Uint8Array, { depth, tokens }: JsonLimits): string | undefined {
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
