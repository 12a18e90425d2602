// The shapes that all Kubernetes objects share. Knows no kind of ours.

export interface OwnerReference {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
  blockOwnerDeletion?: boolean;
}

export interface ObjectMeta {
  name: string;
  namespace?: string;
  generateName?: string;
  uid: string;
  resourceVersion: string;
  generation?: number;
  creationTimestamp: string;
  deletionTimestamp?: string;
  deletionGracePeriodSeconds?: number;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  finalizers?: string[];
  ownerReferences?: OwnerReference[];
  managedFields?: {
    manager?: string;
    operation?: string;
    subresource?: string;
    /** When this manager last wrote, by the API server's clock. */
    time?: string;
    [field: string]: unknown;
  }[];
}

export interface KubeObject {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
}

/** An object as a client sends it. The server fills in the rest of the metadata. */
export type Draft<T extends KubeObject = KubeObject> = Omit<T, 'metadata'> & {
  metadata: Partial<ObjectMeta>;
};

/** Where the API server serves a kind: `/apis/{group}/{version}/[namespaces/{ns}/]{plural}` (`/api/v1` when group is ''). */
export interface Resource<T extends KubeObject = KubeObject> {
  group: string;
  version: string;
  kind: string;
  plural: string;
  namespaced: boolean;
  /** Only carries the object type. Never set. */
  readonly __object?: T;
}

export interface Key {
  namespace: string;
  name: string;
}

/** `namespace/name`, or `name` for a cluster-scoped object. Caches and queues use it as key. */
export function keyOf(object: { metadata: { namespace?: string; name: string } }): string {
  const { namespace, name } = object.metadata;
  return namespace ? `${namespace}/${name}` : name;
}

export function joinKey(namespace: string, name: string): string {
  return namespace ? `${namespace}/${name}` : name;
}

export function splitKey(key: string): Key {
  const slash = key.indexOf('/');
  return slash < 0
    ? { namespace: '', name: key }
    : { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}

/** The fields of an object in log lines. The uid joins the lines about one object. */
export function aboutObject({ kind, metadata: { namespace, name, uid } }: KubeObject): object {
  return { kind, namespace, name, uid };
}

/** The same fields for a key. The object may be gone: then the fields have no uid. */
export function aboutKey(kind: string, key: string, object: KubeObject | undefined): object {
  return object ? aboutObject(object) : { kind, ...splitKey(key) };
}

export function apiVersionOf(resource: Resource): string {
  return resource.group ? `${resource.group}/${resource.version}` : resource.version;
}

/**
 * Whether `a` is a later revision of an object than `b`. The API calls resourceVersion opaque. In etcd and in
 * our sandbox it is a number that grows, and client-go has compared it as a number since Kubernetes 1.35.
 */
export function isNewer(a: { metadata: ObjectMeta }, b: { metadata: ObjectMeta }): boolean {
  return Number(a.metadata.resourceVersion) > Number(b.metadata.resourceVersion);
}
