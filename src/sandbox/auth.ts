// Authenticates requests: by a client certificate of our CA, or by a service account token.

import { createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { serviceAccount, type User } from './call.ts';
import type { Store } from './store/store.ts';
import { asObj, asString, type Obj } from './types.ts';

const issuer = 'https://kubernetes.default.svc.cluster.local';
const encode = (value: Obj) => Buffer.from(JSON.stringify(value)).toString('base64url');

export interface TokenClaims {
  namespace: string;
  name: string;
  uid: string;
  audiences: string[];
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
      },
    });
    return `${head}.${body}.${this.#mac(`${head}.${body}`)}`;
  }

  /** The claims of a token of ours that has not expired. */
  read(token: string, now: number): { namespace: string; name: string; uid: string } | undefined {
    const [head = '', body = '', signature = ''] = token.split('.');
    const wanted = Buffer.from(this.#mac(`${head}.${body}`));
    const given = Buffer.from(signature);
    if (wanted.length !== given.length || !timingSafeEqual(wanted, given)) return undefined;
    const claims = JSON.parse(Buffer.from(body, 'base64url').toString()) as Obj;
    if (Number(claims.exp) * 1000 < now) return undefined;
    const bound = asObj(claims['kubernetes.io']);
    const account = asObj(bound.serviceaccount);
    return { namespace: asString(bound.namespace), name: asString(account.name), uid: asString(account.uid) };
  }

  #mac(text: string): string {
    return createHmac('sha256', this.#secret).update(text).digest('base64url');
  }
}

export class Authenticator {
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
    const claims = this.#tokens.read(token, this.#now());
    if (!claims) return undefined;
    // A token is valid only while its account exists.
    const account = this.#store.table('/serviceaccounts').get(`${claims.namespace}/${claims.name}`);
    if (account?.uid !== claims.uid) return undefined;
    return { ...serviceAccount(claims.namespace, claims.name), uid: claims.uid };
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
