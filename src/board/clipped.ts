// Cuts texts of users for the board. A schema allows long texts, and each one goes to every viewer several times
// per second.

const defaultMaxLength = 160;

export function clipped(text: string, maxLength = defaultMaxLength): string {
  if (text.length <= maxLength) return text;
  // Do not cut inside a surrogate pair: half a pair is no character, and JSON would pass it on.
  return `${text.slice(0, maxLength - 1).replace(/[\ud800-\udbff]$/, '')}…`;
}
