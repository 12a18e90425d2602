// Decides the format of an answer by its Accept header. Pure.

import { own } from '../../runtime/own-keys.ts';
import { notAcceptable } from '../status.ts';

export type Shape = 'object' | 'table' | 'metadata' | 'metadataList';

export interface Accepted {
  shape: Shape;
  yaml: boolean;
  /** The meta.k8s.io version of tables and metadata. */
  metaVersion: string;
  /** The version of aggregated discovery, if asked for. */
  discovery: string;
}

const plain: Accepted = { shape: 'object', yaml: false, metaVersion: 'v1', discovery: '' };
const shapes: Record<string, Shape> = {
  Table: 'table',
  PartialObjectMetadata: 'metadata',
  PartialObjectMetadataList: 'metadataList',
};
const types = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf'];
const known = new Map<string, Accepted>();

/** Reads an Accept header. Throws 406 when it has nothing that can be served. */
export function accepted(header: string | undefined): Accepted {
  if (!header || header === 'application/json' || header === '*/*') return plain;
  let found = known.get(header);
  if (!found) {
    found = parse(header);
    // Clients send few different headers. A client that sends many must not fill the memory.
    if (known.size > 500) known.clear();
    known.set(header, found);
  }
  return found;
}

function parse(header: string): Accepted {
  for (const clause of header.split(',')) {
    const [media = '', ...rest] = clause.split(';').map((part) => part.trim());
    const yaml = media === 'application/yaml';
    if (media !== 'application/json' && media !== '*/*' && media !== 'application/*' && !yaml) continue;
    const params = Object.fromEntries(rest.map((part) => part.split('=', 2)));
    if (params.as === undefined) return { ...plain, yaml };
    if (params.g === 'apidiscovery.k8s.io' && (params.v === 'v2' || params.v === 'v2beta1'))
      return { ...plain, yaml, discovery: params.v };
    const shape = own(shapes, params.as);
    const served = params.g === 'meta.k8s.io' && (params.v === 'v1' || params.v === 'v1beta1');
    if (shape && served) return { shape, yaml, metaVersion: params.v, discovery: '' };
  }
  throw notAcceptable(types);
}
