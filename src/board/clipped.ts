// Texts that users wrote may be as long as a schema allows; what goes to every viewer several times a second is
// cut to what fits a screen.

const longest = 160;

export function clipped(text: string, most = longest): string {
  if (text.length <= most) return text;
  // Not through the middle of a surrogate pair: half of one is not a character, and JSON would carry it on.
  return `${text.slice(0, most - 1).replace(/[\ud800-\udbff]$/, '')}…`;
}
