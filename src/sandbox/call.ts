// Who asks, and how: what travels with one API operation from the HTTP request (or a controller) to storage.

import type { Obj } from './types.ts';

export interface User {
  name: string;
  uid?: string;
  groups: string[];
  extra?: Record<string, string[]>;
}

export interface Call {
  user: User;
  dryRun: boolean;
  /** The field manager of the writer. */
  manager: string;
  validation: 'Strict' | 'Warn' | 'Ignore';
  /** CreateOptions, UpdateOptions … as given, for webhooks to see. */
  options: Obj;
  /** Texts for Warning headers. */
  warnings: string[];
}

export function callOf(user: User, manager: string): Call {
  return { user, dryRun: false, manager, validation: 'Ignore', options: {}, warnings: [] };
}

const serviceAccount = (namespace: string, name: string): User => ({
  name: `system:serviceaccount:${namespace}:${name}`,
  groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
});

/** As whom the cluster's own controllers act; webhooks see these names on a real cluster too. */
export const controllerUser = (name: string): User => serviceAccount('kube-system', name);
export { serviceAccount };
