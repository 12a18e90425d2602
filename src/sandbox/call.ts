// The user and the options of one API operation. They are passed along from the HTTP request (or a controller) to
// storage.

import type { ResourceType } from './resources.ts';
import type { Item, Obj } from './types.ts';

export interface User {
  name: string;
  uid?: string;
  groups: string[];
  extra?: Record<string, string[]>;
}

export interface ApiCall {
  user: User;
  dryRun: boolean;
  /** The field manager of the writer. */
  manager: string;
  validation: 'Strict' | 'Warn' | 'Ignore';
  /** CreateOptions, UpdateOptions and so on as given, for webhooks. */
  options: Obj;
  /** Texts for Warning headers. */
  warnings: string[];
  /** Throws ApiError for content that this user may not write, although RBAC permits writes of the kind. */
  guard?(type: ResourceType, item: Item, old: Item | undefined): void;
}

export function callOf(user: User, manager: string): ApiCall {
  return { user, dryRun: false, manager, validation: 'Ignore', options: {}, warnings: [] };
}

const serviceAccount = (namespace: string, name: string): User => ({
  name: `system:serviceaccount:${namespace}:${name}`,
  groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
});

/** The users as which the sandbox's controllers act. Webhooks see the same names on a real cluster. */
export const controllerUser = (name: string): User => serviceAccount('kube-system', name);
export { serviceAccount };
