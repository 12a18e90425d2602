// Short words for steps, addresses and small objects, so that a topic reads as the list of requests it is.

import type { Answer, Json, Step } from '../types.ts';

type More = Omit<Step, 'name' | 'method' | 'path' | 'body'>;

export const get = (name: string, path: string, more: More = {}): Step => ({ name, path, ...more });
export const post = (name: string, path: string, body: Json, more: More = {}): Step => ({
  name,
  method: 'POST',
  path,
  body,
  ...more,
});
export const put = (name: string, path: string, body: Json, more: More = {}): Step => ({
  name,
  method: 'PUT',
  path,
  body,
  ...more,
});
export const del = (name: string, path: string, body?: Json, more: More = {}): Step => ({
  name,
  method: 'DELETE',
  path,
  ...(body === undefined ? {} : { body }),
  ...more,
});

const patchTypes = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
};

export const patch = (
  type: keyof typeof patchTypes,
  name: string,
  path: string,
  body: Json,
  more: More = {},
): Step => ({
  name,
  method: 'PATCH',
  path,
  body,
  ...more,
  headers: { 'content-type': patchTypes[type], ...more.headers },
});

export const reviews = (name: string): Step => ({ name, path: '', reviews: true });

export const core = '/api/v1/namespaces/@{ns}';
export const configMaps = `${core}/configmaps`;
export const secrets = `${core}/secrets`;
export const pods = `${core}/pods`;
export const services = `${core}/services`;
export const events = `${core}/events`;
export const namespaces = '/api/v1/namespaces';
export const apps = '/apis/apps/v1/namespaces/@{ns}';
export const deployments = `${apps}/deployments`;
export const crds = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

export const configMap = (name: string, data: Json = { a: '1' }, metadata: Json = {}): Json => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, ...metadata },
  data,
});

export const pod = (name: string, spec: Json = {}, metadata: Json = {}): Json => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, ...metadata },
  spec: { containers: [{ name: 'c', image: 'img' }], ...spec },
});

export const podTemplate = (app: string, spec: Json = {}): Json => ({
  metadata: { labels: { app } },
  spec: { containers: [{ name: 'c', image: 'img' }], ...spec },
});

export const deployment = (name: string, spec: Json = {}, metadata: Json = {}): Json => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name, ...metadata },
  spec: { selector: { matchLabels: { app: name } }, template: podTemplate(name), ...spec },
});

export const service = (name: string, spec: Json = {}): Json => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name },
  spec: { ports: [{ port: 80 }], selector: { app: 'x' }, ...spec },
});

/** Accept headers that ask for another form of the same objects. */
export const table = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json' };
export const partial = { accept: 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io' };
export const partialList = { accept: 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io' };
export const yaml = { 'content-type': 'application/yaml' };

export const found = ({ code }: Answer) => code === 200;
export const gone = ({ code }: Answer) => code === 404;
