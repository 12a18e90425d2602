// Reads request bodies up to a limit, and parses JSON, YAML and protobuf.

import type { IncomingMessage } from 'node:http';
import { parse as parseYaml } from 'yaml';
import { decodeProtobuf } from '../protobuf/decode.ts';
import { badRequest, tooLarge, unsupportedMedia } from '../status.ts';
import { isObj, type Obj } from '../types.ts';

/** kube-apiserver's limit on request bodies. */
const bodyLimit = 3 * 1024 * 1024;

export function readBody(req: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    req.on('data', (chunk: Buffer) => {
      size += chunk.length;
      // Keep reading but drop the rest: a client that is still sending does not read the answer.
      if (size > bodyLimit) reject(tooLarge(bodyLimit));
      else chunks.push(chunk);
    });
    req.on('end', () => resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)));
    req.on('error', reject);
    req.on('aborted', () => reject(badRequest('unexpected EOF')));
  });
}

export const protobufType = 'application/vnd.kubernetes.protobuf';
const decodable = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf'];

export const mediaType = (req: IncomingMessage): string => parsedMediaType(req.headers['content-type'] ?? '');

/** The media type without its parameters. `;` when the header has only parameters. */
function parsedMediaType(header: string): string {
  const [media = '', ...parameters] = header.split(';').map((part) => part.trim());
  return media === '' && parameters.length > 0 ? ';' : media;
}

/**
 * Parses an object in the body of a POST or PUT. `kind` is for messages. `protoType` names the type when the body
 * may be protobuf, which only built-in kinds support.
 */
export function decodeObject(body: Buffer, media: string, kind: string, protoType?: string): Obj {
  if (media === protobufType && protoType) return decodeProtobuf(body, protoType);
  if (media !== '' && media !== 'application/json' && media !== 'application/yaml' && media !== '*/*')
    throw unsupportedMedia(decodable);
  const value = media === 'application/yaml' ? decodeYaml(body) : decodeJson(body, kind);
  if (!isObj(value))
    throw badRequest(
      `couldn't get version/kind; json parse error: json: cannot unmarshal ${Array.isArray(value) ? 'array' : typeof value} into Go value of type struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }`,
    );
  return value;
}

export function decodeJson(body: Buffer, kind: string): unknown {
  const text = body.toString('utf8');
  try {
    return checkDepth(JSON.parse(text));
  } catch (error) {
    throw badRequest(
      `the object provided is unrecognized (must be of type ${kind}): couldn't get version/kind; json parse error: ${(error as Error).message}`,
    );
  }
}

/** Limit for YAML that is not JSON. The YAML parser is ten times slower than JSON.parse, and kubectl sends JSON. */
const yamlLimit = 512 * 1024;

export function decodeYaml(body: Buffer): unknown {
  const text = body.toString('utf8');
  if (text.length > yamlLimit && !text.trimStart().startsWith('{')) throw tooLarge(yamlLimit);
  try {
    return checkDepth(
      text.trimStart().startsWith('{')
        ? JSON.parse(text)
        : // uniqueKeys is off because the parser would compare each key with all keys before it.
          parseYaml(text, { maxAliasCount: 100, schema: 'core', uniqueKeys: false, merge: true }),
    );
  } catch (error) {
    throw badRequest(`error decoding YAML: ${(error as Error).message}`);
  }
}

const maxDepth = 1000;

/** Refuses values that are nested so deeply that recursion would fail. No client needs them. */
function checkDepth(value: unknown): unknown {
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > maxDepth) throw new Error('exceeded max depth');
    level = level.flatMap((v) => (typeof v === 'object' && v !== null ? Object.values(v) : []));
  }
  return value;
}
