// Parses the values of flags and environment variables. Throws commander's InvalidArgumentError, which says what
// must hold.
import { InvalidArgumentError } from 'commander';
import { isNamespaceName } from '../api/identity.ts';
import { allParts, type Part } from '../api/kinds.ts';
import type { NodePorts } from '../api/node-ports.ts';
import { parseReach, type Reach } from '../api/reach.ts';

const units: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Turns `500ms`, `30s`, `5m`, `1h` or `7d` into milliseconds. */
export function parseDuration(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text);
  const ms = match ? Number(match[1]) * units[match[2]!]! : Number.NaN;
  if (!(ms >= 0))
    throw new InvalidArgumentError(
      `a duration is a number with a unit (500ms, 30s, 5m, 1h, 7d), got "${text}"`,
    );
  return ms;
}

export function positiveDuration(text: string): number {
  const ms = parseDuration(text);
  if (ms <= 0) throw new InvalidArgumentError(`must be longer than 0, got "${text}"`);
  return ms;
}

export function wholeNumber(minimum: number, maximum: number) {
  return (text: string): number => {
    const number = Number(text);
    if (Number.isInteger(number) && number >= minimum && number <= maximum) return number;
    throw new InvalidArgumentError(`must be a whole number from ${minimum} to ${maximum}, got "${text}"`);
  };
}

export const parsePort = wholeNumber(0, 65_535);

/** Items separated by commas. */
export const parseList = (text: string): string[] =>
  text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');

/** Parts of Spikegate, separated by commas. */
export function parseParts(text: string): readonly Part[] {
  const names = parseList(text);
  const unknown = names.find((name) => !allParts.some((part) => part === name));
  if (unknown !== undefined || names.length === 0) {
    throw new InvalidArgumentError(`must be some of ${allParts.join(', ')}, got "${unknown ?? text}"`);
  }
  return allParts.filter((part) => names.includes(part));
}

/** Each namespace costs one watch for every kind. */
const maxNamespaces = 100;

/** Names of namespaces, separated by commas. */
export function parseNamespaces(text: string): readonly string[] {
  const names = [...new Set(parseList(text))];
  const wrong = names.find((name) => !isNamespaceName(name));
  if (wrong !== undefined) {
    throw new InvalidArgumentError(
      `a namespace is an RFC 1123 label of at most 63 characters, got "${wrong}"`,
    );
  }
  if (names.length > maxNamespaces) {
    throw new InvalidArgumentError(`must be at most ${maxNamespaces} namespaces, got ${names.length}`);
  }
  return names;
}

/** A range such as `30000-32767`, in the format of kube-apiserver's --service-node-port-range. */
export function parseNodePorts(text: string): NodePorts {
  const match = /^(\d{1,5})-(\d{1,5})$/.exec(text);
  const [first, last] = [Number(match?.[1]), Number(match?.[2])];
  if (match && first >= 1 && first <= last && last <= 65_535) return { first, last };
  throw new InvalidArgumentError(`must be a range of ports such as 30000-32767, got "${text}"`);
}

/** An allow list of addresses outside, separated by commas (src/api/reach.ts). */
export function parsePlaces(text: string): Reach {
  try {
    return parseReach(parseList(text));
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}

/** The base URL of a server, to which paths are added. */
export function parseServer(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url && /^https?:$/.test(url.protocol) && !url.username && !url.password && !/[?#]/.test(text))
    return text;
  throw new InvalidArgumentError(
    `must be an http or https URL without a password, ? and #, got ${JSON.stringify(withoutPassword(text))}`,
  );
}

const withoutPassword = (text: string): string => text.replace(/\/\/[^@/]*@/, '//…@');

/** `false`, `no`, `off` and `0` in upper or lower case mean false. Every other text means true. */
export const parseSwitch = (text: string): boolean => !/^(false|no|off|0)$/i.test(text);
