// AdmissionReviews as the API server sends them: every field that Kubernetes fills in is there, so that a
// test sees what production sees (recorded/ has the originals).
import type { Kind } from '../../src/api/define-kind.ts';
import type { AdmissionRequest, AdmissionReview, Operation } from '../../src/kube/admission.ts';
import type { KubeObject } from '../../src/kube/objects.ts';

export interface ReviewOptions {
  kind: Kind;
  operation: Operation;
  object?: object | null;
  oldObject?: object | null;
  /** Default: the object's; pass '' for what a collection delete or generateName sends. */
  name?: string;
  namespace?: string;
  uid?: string;
  user?: string;
  dryRun?: boolean;
  subResource?: string;
}

let made = 0;

/** A uid as the API server gives them; each number has its own. */
export const uidOf = (n: number): string => `0b000000-0000-4000-9000-${String(n).padStart(12, '0')}`;

export function review(options: ReviewOptions): AdmissionReview {
  const { kind, operation, object = null, oldObject = null } = options;
  const { group, version } = kind;
  const groupVersionKind = { group, version, kind: kind.kind };
  const groupVersionResource = { group, version, resource: kind.plural };
  const metadata = ((object ?? oldObject) as Partial<KubeObject> | null)?.metadata;
  const subResource = options.subResource ? { subResource: options.subResource } : {};
  const request = {
    uid: options.uid ?? `5c0ffee0-0000-4000-8000-${String(++made).padStart(12, '0')}`,
    kind: groupVersionKind,
    resource: groupVersionResource,
    ...subResource,
    requestKind: groupVersionKind,
    requestResource: groupVersionResource,
    ...(options.subResource ? { requestSubResource: options.subResource } : {}),
    ...nameOf(options.name ?? metadata?.name),
    namespace: options.namespace ?? metadata?.namespace ?? 'default',
    operation,
    userInfo: {
      username: options.user ?? 'kubernetes-admin',
      groups: ['system:masters', 'system:authenticated'],
    },
    object,
    oldObject,
    dryRun: options.dryRun ?? false,
    options: { kind: optionsKind[operation], apiVersion: 'meta.k8s.io/v1' },
  };
  return {
    kind: 'AdmissionReview',
    apiVersion: 'admission.k8s.io/v1',
    request: request as unknown as AdmissionRequest,
  };
}

/** The field is omitted when it is empty. */
const nameOf = (name: string | undefined) => (name ? { name } : {});

const optionsKind: Record<Operation, string> = {
  CREATE: 'CreateOptions',
  UPDATE: 'UpdateOptions',
  DELETE: 'DeleteOptions',
  CONNECT: 'NodeProxyOptions',
};
