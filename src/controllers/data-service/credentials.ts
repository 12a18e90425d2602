// Says in which Secret each password of a DataService's middleware is. Services get the passwords from there, as
// environment variables. Pure.
import type { Component, ComponentSpec, DataService } from '../../api/data-service.ts';
import { kindOf, middleware } from '../../api/data-service.ts';
import type { Reference } from '../../workloads/references.ts';
import { nameOf } from './names.ts';

export interface Credentials {
  component: Component;
  user: string | undefined;
  /** The Secret with the password. Undefined when the middleware has no password. */
  secret?: { name: string; key: string };
  /** The password, when it is in the spec. Then the Secret is a child made from it. */
  literal?: string;
}

export const passwordKey = 'password';

export function credentialsOf(object: DataService, prefix: string): Credentials[] {
  return middleware.flatMap((name): Credentials[] => {
    const component = object.spec[name];
    const found = component && credentialsOfOne(name, component, prefix);
    return found ? [found] : [];
  });
}

function credentialsOfOne(name: Component, spec: ComponentSpec, prefix: string): Credentials | undefined {
  if (kindOf(name, spec) !== 'thirdParty') {
    if (name !== 'mysql') return undefined;
    return { component: name, user: 'root', secret: { name: nameOf(prefix, name), key: passwordKey } };
  }
  const { username, password, passwordSecret } = spec.thirdParty ?? {};
  if (passwordSecret) {
    const { name: secret, key = passwordKey } = passwordSecret;
    return { component: name, user: username, secret: { name: secret, key } };
  }
  if (password) {
    const secret = { name: `${prefix}${name}-third-party`, key: passwordKey };
    return { component: name, user: username, secret, literal: password };
  }
  return username ? { component: name, user: username } : undefined;
}

export const referencesOf = (credentials: readonly Credentials[], namespace: string): Reference[] =>
  credentials.flatMap(({ secret, literal }) =>
    secret && literal === undefined ? [{ kind: 'Secret' as const, namespace, name: secret.name }] : [],
  );

/** MYSQL_USER and MYSQL_PASSWORD, and the same for the other middleware. */
export function environmentOf(credentials: readonly Credentials[]): object[] {
  return credentials.flatMap(({ component, user, secret }) => {
    const name = component.toUpperCase();
    return [
      ...(user === undefined ? [] : [{ name: `${name}_USER`, value: user }]),
      ...(secret ? [{ name: `${name}_PASSWORD`, valueFrom: { secretKeyRef: secret } }] : []),
    ];
  });
}
