// Authenticates requests: by a client certificate of our CA, or by a service account token.

import { createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { own } from '../runtime/own-keys.ts';
import { serviceAccount, type User } from './call.ts';
import type { Store } from './store/store.ts';
import { asObj, asString, asStrings, type Obj } from './types.ts';

const boundKinds = ['Pod', 'Secret', 'Node'] as const;
const issuer = 'https://kubernetes.default.svc.cluster.local';
const encode = (value: Obj) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** The object to which a token is bound. It is in the namespace of the service account, unless it is a Node. */
export interface BoundObject {
  kind: (typeof boundKinds)[number];
  name: string;
  uid: string;
}

/** This server accepts only tokens for this audience. */
export const ownAudiences: readonly string[] = [issuer];

export interface TokenClaims {
  namespace: string;
  name: string;
  uid: string;
  audiences: string[];
  /** The token is valid only while this object exists. */
  bound?: BoundObject;
  /** Epoch milliseconds, as is `issued`. */
  expires: number;
  issued: number;
}

/** Tokens are JWTs, signed with the sandbox's own secret. */
export class Tokens {
  readonly #secret: string;

  constructor(secret: string) {
    this.#secret = secret;
  }

  sign(claims: TokenClaims): string {
    const head = encode({ alg: 'HS256', typ: 'JWT' });
    const body = encode({
      iss: issuer,
      sub: `system:serviceaccount:${claims.namespace}:${claims.name}`,
      aud: claims.audiences,
      exp: Math.floor(claims.expires / 1000),
      iat: Math.floor(claims.issued / 1000),
      'kubernetes.io': {
        namespace: claims.namespace,
        serviceaccount: { name: claims.name, uid: claims.uid },
        ...(claims.bound
          ? { [claims.bound.kind.toLowerCase()]: { name: claims.bound.name, uid: claims.bound.uid } }
          : {}),
      },
    });
    return `${head}.${body}.${this.#mac(`${head}.${body}`)}`;
  }

  /** The claims of a token. Undefined when the signature is not ours or the token has expired. */
  read(token: string, now: number): Omit<TokenClaims, 'expires' | 'issued'> | undefined {
    const [head = '', body = '', signature = ''] = token.split('.');
    const wanted = Buffer.from(this.#mac(`${head}.${body}`));
    const given = Buffer.from(signature);
    if (wanted.length !== given.length || !timingSafeEqual(wanted, given)) return undefined;
    const claims = JSON.parse(Buffer.from(body, 'base64url').toString()) as Obj;
    if (Number(claims.exp) * 1000 < now) return undefined;
    const kubernetes = asObj(claims['kubernetes.io']);
    const account = asObj(kubernetes.serviceaccount);
    const [bound] = boundKinds.flatMap((kind) => {
      const { name, uid } = asObj(own(kubernetes, kind.toLowerCase()));
      return name ? [{ kind, name: asString(name), uid: asString(uid) }] : [];
    });
    return {
      namespace: asString(kubernetes.namespace),
      name: asString(account.name),
      uid: asString(account.uid),
      audiences: asStrings(claims.aud),
      ...(bound ? { bound } : {}),
    };
  }

  #mac(text: string): string {
    return createHmac('sha256', this.#secret).update(text).digest('base64url');
  }
}

export class Authenticator {
  /** The user of each connection. Null: the client has no valid certificate. */
  readonly #bySocket = new WeakMap<object, User | null>();
  readonly #tokens: Tokens;
  readonly #store: Store;
  readonly #now: () => number;

  constructor(tokens: Tokens, store: Store, now: () => number) {
    this.#tokens = tokens;
    this.#store = store;
    this.#now = now;
  }

  /** The user of a request. Undefined without credentials, or with wrong ones. */
  user(req: IncomingMessage): User | undefined {
    const header = req.headers.authorization;
    if (header?.startsWith('Bearer ')) return this.tokenUser(header.slice('Bearer '.length));
    return this.#certificateUser(req.socket as TLSSocket);
  }

  tokenUser(token: string): User | undefined {
    return this.tokenReview(token, ownAudiences)?.user;
  }

  /** The user of a token, and those of these audiences that it is for. Undefined when it is invalid or for none. */
  tokenReview(token: string, audiences: readonly string[]): { user: User; audiences: string[] } | undefined {
    const claims = this.#tokens.read(token, this.#now());
    if (!claims) return undefined;
    const { namespace, name, uid, bound } = claims;
    const shared = audiences.filter((audience) => claims.audiences.includes(audience));
    if (shared.length === 0) return undefined;
    // A token is valid only while both its account and the object to which it is bound exist.
    if (this.#store.table('/serviceaccounts').get(`${namespace}/${name}`)?.uid !== uid) return undefined;
    if (bound && this.boundUid(namespace, bound) !== bound.uid) return undefined;
    const extra = bound?.kind === 'Pod' && {
      'authentication.kubernetes.io/pod-name': [bound.name],
      'authentication.kubernetes.io/pod-uid': [bound.uid],
    };
    return {
      user: { ...serviceAccount(namespace, name), uid, ...(extra ? { extra } : {}) },
      audiences: shared,
    };
  }

  /** The uid of the object of this name; undefined when there is none. */
  boundUid(namespace: string, { kind, name }: Pick<BoundObject, 'kind' | 'name'>): string | undefined {
    const key = kind === 'Node' ? name : `${namespace}/${name}`;
    return this.#store.table(`/${kind.toLowerCase()}s`).get(key)?.uid;
  }

  #certificateUser(socket: TLSSocket): User | undefined {
    let user = this.#bySocket.get(socket);
    if (user === undefined) {
      user = null;
      if (socket.authorized) {
        const { subject } = socket.getPeerCertificate();
        const groups = [subject?.O ?? []].flat();
        if (subject?.CN) user = { name: String(subject.CN), groups: [...groups, 'system:authenticated'] };
      }
      this.#bySocket.set(socket, user);
    }
    return user ?? undefined;
  }
}
