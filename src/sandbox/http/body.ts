// Request bodies: reads them with a limit, and parses JSON or YAML.

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
      // Read and drop the rest, so that the client can read the answer.
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

/** The type without its parameters. `;` alone when it does not parse. */
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
    return guard(JSON.parse(text));
  } catch (error) {
    throw badRequest(
      `the object provided is unrecognized (must be of type ${kind}): couldn't get version/kind; json parse error: ${(error as Error).message}`,
    );
  }
}

/** Limit for YAML that is not JSON: its parser takes ten times as long, and kubectl sends JSON. */
const yamlLimit = 512 * 1024;

export function decodeYaml(body: Buffer): unknown {
  const text = body.toString('utf8');
  if (text.length > yamlLimit && !text.trimStart().startsWith('{')) throw tooLarge(yamlLimit);
  try {
    return guard(
      text.trimStart().startsWith('{')
        ? JSON.parse(text)
        : // Its search for duplicate keys compares each with all before it.
          parseYaml(text, { maxAliasCount: 100, schema: 'core', uniqueKeys: false, merge: true }),
    );
  } catch (error) {
    throw badRequest(`error decoding YAML: ${(error as Error).message}`);
  }
}

const deepest = 1000;

/** Refuses values that are nested so deeply that recursion would fail. No client needs them. */
function guard(value: unknown): unknown {
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > deepest) throw new Error('exceeded max depth');
    level = level.flatMap((v) => (typeof v === 'object' && v !== null ? Object.values(v) : []));
  }
  return value;
}
