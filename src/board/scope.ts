// Scope: the part of the sale that a viewer looks at (a namespace, a seller, or everything). Knows no cache.
import type { SpikeGoods } from '../api/spike-goods.ts';
import { joinKey } from '../kube/objects.ts';

export interface Scope {
  namespace?: string;
  /** As `spec.sellerId` of the goods names it. */
  seller?: string;
}

/** Maximum length of a name in Kubernetes. */
const maxName = 253;

/** The scope that the query of a URL asks for. Ignores empty values and values that are too long for a name. */
export function scopeOf(query: string): Scope {
  const params = new URLSearchParams(query);
  const param = (name: string) => {
    const value = params.get(name) ?? '';
    return value !== '' && value.length <= maxName ? value : undefined;
  };
  const [namespace, seller] = [param('namespace'), param('seller')];
  return { ...(namespace ? { namespace } : {}), ...(seller ? { seller } : {}) };
}

export const scopeKey = ({ namespace = '', seller = '' }: Scope): string => `${namespace}/${seller}`;

export const hasGoods = ({ namespace, seller }: Scope, { metadata, spec }: SpikeGoods): boolean =>
  (namespace === undefined || metadata.namespace === namespace) &&
  (seller === undefined || spec.sellerId === seller);

/** Keys by which an order of the same namespace may refer to the goods: with the name or with the id. */
export const referencesTo = ({ metadata, spec }: SpikeGoods): string[] =>
  [metadata.name, spec.goodsId].flatMap((name) => (name ? [joinKey(metadata.namespace ?? '', name)] : []));
