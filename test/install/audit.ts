// What a user of the API server asked for, by the API server's own audit log: the only witness that cannot leave
// anything out.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { PolicyRule } from '../../src/manifests/rbac.ts';

/** One permission: `verb group/resource[/subresource]`, and the name where a rule is limited to names. */
export interface Asked {
  verb: string;
  group: string;
  resource: string;
  name: string;
  /** '' where the request is about all of them, or about what has none. */
  namespace: string;
  code: number;
}

/** Flags of a kube-apiserver that logs what this user asks for, and how it was answered, into a folder. */
export async function auditFlags(dir: string, user: string): Promise<string[]> {
  const policy = {
    apiVersion: 'audit.k8s.io/v1',
    kind: 'Policy',
    omitStages: ['RequestReceived'],
    rules: [{ level: 'Metadata', users: [user] }, { level: 'None' }],
  };
  await writeFile(join(dir, 'policy.yaml'), stringify(policy));
  return [`--audit-policy-file=${join(dir, 'policy.yaml')}`, `--audit-log-path=${join(dir, 'audit.log')}`];
}

interface AuditEvent {
  verb: string;
  objectRef?: {
    resource?: string;
    subresource?: string;
    apiGroup?: string;
    name?: string;
    namespace?: string;
  };
  responseStatus?: { code?: number };
}

export async function readAudit(dir: string): Promise<Asked[]> {
  const lines = (await readFile(join(dir, 'audit.log'), 'utf8')).split('\n').filter(Boolean);
  return lines.flatMap((line) => {
    const { verb, objectRef, responseStatus } = JSON.parse(line) as AuditEvent;
    // Discovery is everybody's, and no rule of ours.
    if (!objectRef?.resource) return [];
    const { resource, subresource, apiGroup: group = '', name = '', namespace = '' } = objectRef;
    const asked = {
      verb,
      group,
      resource: subresource ? `${resource}/${subresource}` : resource,
      name,
      namespace,
    };
    const code = responseStatus?.code ?? 0;
    // A server-side apply of what is not there is authorised as a create, too.
    const created = verb === 'patch' && code === 201 ? [{ ...asked, verb: 'create', code }] : [];
    return [{ ...asked, code }, ...created];
  });
}

/** `namespace`: of the role that has the rule; undefined for a rule of a ClusterRole. */
export const permits = (
  { apiGroups, resources, verbs, resourceNames, namespace }: PolicyRule & { namespace?: string | undefined },
  asked: Asked,
): boolean =>
  (namespace === undefined || namespace === asked.namespace) &&
  apiGroups.includes(asked.group) &&
  resources.includes(asked.resource) &&
  verbs.includes(asked.verb) &&
  (resourceNames === undefined || resourceNames.includes(asked.name));

/** A rule taken apart into what each word of it permits. */
export const singles = (rule: PolicyRule): PolicyRule[] =>
  rule.apiGroups.flatMap((group) =>
    rule.resources.flatMap((resource) =>
      rule.verbs.flatMap((verb) =>
        (rule.resourceNames ? rule.resourceNames.map((name) => [name]) : [undefined]).map((names) => ({
          apiGroups: [group],
          resources: [resource],
          verbs: [verb],
          ...(names ? { resourceNames: names } : {}),
        })),
      ),
    ),
  );

export const nameOf = ({
  apiGroups: [group],
  resources: [resource],
  verbs: [verb],
  resourceNames,
}: PolicyRule) => `${verb} ${resource}${group ? `.${group}` : ''}${resourceNames ? ` ${resourceNames}` : ''}`;
