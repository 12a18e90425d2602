// What part of the sale a viewer looks at: a namespace, a seller, or all of it. Knows no cache.
import type { SpikeGoods } from '../api/spike-goods.ts';
import { joinKey } from '../kube/objects.ts';

export interface Scope {
  namespace?: string;
  /** As `spec.sellerId` of the goods names it. */
  seller?: string;
}

/** Kubernetes allows no longer name. */
const maxName = 253;

/** Of the query of a URL. Empty and overlong values are left out. */
export function scopeOf(query: string): Scope {
  const params = new URLSearchParams(query);
  const of = (name: string) => {
    const value = params.get(name) ?? '';
    return value !== '' && value.length <= maxName ? value : undefined;
  };
  const [namespace, seller] = [of('namespace'), of('seller')];
  return { ...(namespace ? { namespace } : {}), ...(seller ? { seller } : {}) };
}

export const scopeKey = ({ namespace = '', seller = '' }: Scope): string => `${namespace}/${seller}`;

export const hasGoods = ({ namespace, seller }: Scope, { metadata, spec }: SpikeGoods): boolean =>
  (namespace === undefined || metadata.namespace === namespace) &&
  (seller === undefined || spec.sellerId === seller);

/** How an order of its namespace may name the goods: by name or by id. */
export const referencesTo = ({ metadata, spec }: SpikeGoods): string[] =>
  [metadata.name, spec.goodsId].flatMap((name) => (name ? [joinKey(metadata.namespace ?? '', name)] : []));
