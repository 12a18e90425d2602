// Decides the format of an answer by the Accept header of the request. Pure.

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

const plainJson: Accepted = { shape: 'object', yaml: false, metaVersion: 'v1', discovery: '' };
const shapes: Record<string, Shape> = {
  Table: 'table',
  PartialObjectMetadata: 'metadata',
  PartialObjectMetadataList: 'metadataList',
};
const types = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf'];
const parsedHeaders = new Map<string, Accepted>();

/** Parses an Accept header. Throws 406 when the server supports none of its formats. */
export function accepted(header: string | undefined): Accepted {
  if (!header || header === 'application/json' || header === '*/*') return plainJson;
  let found = parsedHeaders.get(header);
  if (!found) {
    found = parse(header);
    // Clients send few different headers. A client that sends many must not fill the memory.
    if (parsedHeaders.size > 500) parsedHeaders.clear();
    parsedHeaders.set(header, found);
  }
  return found;
}

function parse(header: string): Accepted {
  for (const clause of header.split(',')) {
    const [media = '', ...rest] = clause.split(';').map((part) => part.trim());
    const yaml = media === 'application/yaml';
    if (media !== 'application/json' && media !== '*/*' && media !== 'application/*' && !yaml) continue;
    const params = Object.fromEntries(rest.map((part) => part.split('=', 2)));
    if (params.as === undefined) return { ...plainJson, yaml };
    if (params.g === 'apidiscovery.k8s.io' && (params.v === 'v2' || params.v === 'v2beta1'))
      return { ...plainJson, yaml, discovery: params.v };
    const shape = own(shapes, params.as);
    const served = params.g === 'meta.k8s.io' && (params.v === 'v1' || params.v === 'v1beta1');
    if (shape && served) return { shape, yaml, metaVersion: params.v, discovery: '' };
  }
  throw notAcceptable(types);
}
