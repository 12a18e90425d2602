// Answers /openapi/v2 and /openapi/v3. Makes a document at its first request and keeps it until the served kinds
// change.

import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { apiVersionOf, type Registry } from '../resources.ts';
import { notAcceptable } from '../status.ts';
import { encodeDocument } from './gnostic.ts';
import { documentV2, documentV3 } from './publish.ts';

interface Document {
  bytes: Buffer;
  hash: string;
  type: string;
}

const protobuf = /application\/com\.github\.proto-openapi\.spec\.v2[@.]v1\.0\+protobuf/;

export class OpenApi {
  readonly #registry: Registry;
  #documents = new Map<string, Document>();
  /** Generation of the registry from which the documents were made. */
  #generation = -1;

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  /** Returns false, without an answer, when there is no such document. Throws 406 when no format is acceptable. */
  serve(req: IncomingMessage, res: ServerResponse, path: string): boolean {
    if (path === '/openapi/v2') this.#send(req, res, this.#v2(req.headers.accept));
    else if (path === '/openapi/v3' || path === '/openapi/v3/') this.#send(req, res, this.#index());
    else {
      const groupVersion = path.slice('/openapi/v3/'.length);
      if (!path.startsWith('/openapi/v3/') || !this.#groupVersions().includes(groupVersion)) return false;
      this.#send(req, res, this.#v3(groupVersion));
    }
    return true;
  }

  /** The paths that `/` lists. */
  paths(): string[] {
    const roots = [
      '/api',
      '/apis',
      '/healthz',
      '/livez',
      '/openapi/v2',
      '/openapi/v3',
      '/readyz',
      '/version',
    ];
    return [...roots, ...this.#groupVersions().map((gv) => `/${gv}`)].sort();
  }

  #groupVersions(): string[] {
    const pathOf = ({ group, version }: { group: string; version: string }) =>
      group ? `apis/${apiVersionOf({ group, version })}` : `api/${version}`;
    return [...new Set(this.#registry.all().map(pathOf))].sort();
  }

  #cached(key: string, make: () => { bytes: Buffer; type: string }): Document {
    if (this.#generation !== this.#registry.generation) {
      this.#documents = new Map();
      this.#generation = this.#registry.generation;
    }
    let document = this.#documents.get(key);
    if (!document) {
      const { bytes, type } = make();
      document = { bytes, type, hash: createHash('sha256').update(bytes).digest('hex').toUpperCase() };
      this.#documents.set(key, document);
    }
    return document;
  }

  #v3(groupVersion: string): Document {
    return this.#cached(groupVersion, () => {
      const types = this.#registry
        .all()
        .filter(
          (type) => groupVersion === (type.group ? `apis/${apiVersionOf(type)}` : `api/${type.version}`),
        );
      return { bytes: Buffer.from(JSON.stringify(documentV3(types))), type: 'application/json' };
    });
  }

  #index(): Document {
    return this.#cached('index', () => {
      const paths = Object.fromEntries(
        this.#groupVersions().map((gv) => [
          gv,
          { serverRelativeURL: `/openapi/v3/${gv}?hash=${this.#v3(gv).hash}` },
        ]),
      );
      return { bytes: Buffer.from(JSON.stringify({ paths })), type: 'application/json' };
    });
  }

  #v2(accept = ''): Document {
    const asProtobuf = protobuf.test(accept);
    if (!asProtobuf && accept && !/application\/json|\*\/\*/.test(accept))
      throw notAcceptable(['application/json', 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf']);
    return this.#cached(asProtobuf ? 'v2.pb' : 'v2', () => {
      const document = documentV2(this.#registry.all());
      if (!asProtobuf) return { bytes: Buffer.from(JSON.stringify(document)), type: 'application/json' };
      return {
        bytes: encodeDocument(document),
        type: 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf',
      };
    });
  }

  #send(req: IncomingMessage, res: ServerResponse, { bytes, hash, type }: Document): void {
    const etag = `"${hash}"`;
    const headers = { etag, vary: 'Accept', 'cache-control': 'no-cache, private' };
    if (req.headers['if-none-match'] === etag) {
      res.writeHead(304, headers);
      res.end();
      return;
    }
    res.writeHead(200, { ...headers, 'content-type': type, 'content-length': bytes.length });
    res.end(bytes);
  }
}
