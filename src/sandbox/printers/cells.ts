// Pure functions from an object to a cell of `kubectl get`, and the columns that many kinds share.
import { own } from '../../runtime/own-keys.ts';
import { asList, asObj, asString, asStrings, dig, type Item } from '../types.ts';

/** A duration as `kubectl` shows ages, with up to two units (apimachinery's HumanDuration). */
function humanDuration(ms: number): string {
  const s = Math.floor(ms / 1000);
  if (s < -1) return '<invalid>';
  if (s < 0) return '0s';
  if (s < 120) return `${s}s`;
  const twoUnits = (big: number, unit: string, small: number, rest: string) =>
    `${big}${unit}${small > 0 ? `${small}${rest}` : ''}`;
  const m = Math.floor(s / 60);
  if (m < 10) return twoUnits(m, 'm', s % 60, 's');
  if (m < 180) return `${m}m`;
  const h = Math.floor(m / 60);
  if (h < 8) return twoUnits(h, 'h', m % 60, 'm');
  if (h < 48) return `${h}h`;
  const d = Math.floor(h / 24);
  if (d < 8) return twoUnits(d, 'd', h % 24, 'h');
  if (d < 730) return `${d}d`;
  const y = Math.floor(d / 365);
  return d < 2920 ? twoUnits(y, 'y', d % 365, 'd') : `${y}y`;
}

/** The age of a timestamp, as text. */
export function since(stamp: unknown, now: number): string {
  return typeof stamp === 'string' && stamp ? humanDuration(now - Date.parse(stamp)) : '<unknown>';
}

export type Cell = (item: Item, now: number) => unknown;

/** One column. A text as value is the dotted path of a field. Priority 1: only with `-o wide`. */
export type Spec = [name: string, value: Cell | string, type?: string, priority?: number];

export const name: Spec = ['Name', (item) => item.metadata.name, 'string'];

export const age: Spec = ['Age', (item, now) => since(item.metadata.creationTimestamp, now)];

/** A column for `-o wide`. */
export const wide = (label: string, value: Cell | string): Spec => [label, value, 'string', 1];

/** A column of whole numbers. */
export const count = (label: string, value: Cell): Spec => [label, value, 'integer'];

export const none = (text: string) => text || '<none>';

export function selectorText(selector: unknown): string {
  const { matchLabels, matchExpressions } = asObj(selector);
  const equals = Object.entries(asObj(matchLabels)).map(([key, value]) => `${key}=${value}`);
  const others = asList(matchExpressions).map((e) => {
    const values = `(${asStrings(e.values).join(',')})`;
    const shapes: Record<string, string> = {
      In: `${e.key} in ${values}`,
      NotIn: `${e.key} notin ${values}`,
      Exists: `${e.key}`,
      DoesNotExist: `!${e.key}`,
    };
    return own(shapes, asString(e.operator)) ?? '';
  });
  return none([...equals, ...others].join(','));
}

export const mapText = (value: unknown) =>
  none(
    Object.entries(asObj(value))
      .map(([k, v]) => `${k}=${v}`)
      .join(','),
  );

export const selector = wide('Selector', (item) => selectorText(dig(item, 'spec.selector')));
