// Requests to addresses that an object names, and to none that it must not name. The name is checked, then every
// address that it resolves to, and the connection goes to one of these checked addresses; a second DNS answer
// cannot change that. Follows no redirects; answers are bounded. Knows neither Prometheus nor databases.
import { lookup } from 'node:dns';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect, isIP, type LookupFunction } from 'node:net';
import { networkInterfaces } from 'node:os';
import { type Destination, destinationOf, type Reach, whyNotAddress, whyNotThere } from '../api/reach.ts';
import { systemClock } from '../runtime/clock.ts';
import { boundedLookup, type Resolve } from './bounded-lookup.ts';

/** The destination is not allowed. The message gives the name and why. */
export class NotAllowedError extends Error {
  override readonly name = 'NotAllowedError';
}

/** One for the whole process: the threads that it saves are the process's. */
const resolveInTurn = boundedLookup((name, options, answer) => lookup(name, options, answer), systemClock);

export interface OutsideOptions {
  reach: Reach;
  /** Resolves names. Default: dns.lookup, a few at a time. */
  resolve?: Resolve;
  /** Addresses of this machine's interfaces. */
  ownAddresses?: () => readonly string[];
}

export interface HttpOptions {
  signal: AbortSignal;
  /** Maximum number of body bytes; a longer body is an error. 0: do not read the body, of any length. */
  maxBytes: number;
  /** false: do not verify the certificate; only an answer counts. */
  verify?: boolean;
}

export interface HttpAnswer {
  status: number;
  body: string;
}

export class TooLongError extends Error {}

/**
 * Why no answer came, as a Node error code (`ECONNREFUSED`, …). It does not use the error's message, which may quote
 * what the other side sent.
 */
export function connectionFailure(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  return typeof code === 'string' && /^[A-Z][A-Z0-9_]{2,60}$/.test(code) ? code : 'no connection';
}

export class Outside {
  readonly #reach: Reach;
  readonly #resolve: Resolve;
  readonly #ownAddresses: () => readonly string[];

  constructor({ reach, resolve = resolveInTurn, ownAddresses = addressesOfInterfaces }: OutsideOptions) {
    this.#reach = reach;
    this.#ownAddresses = ownAddresses;
    this.#resolve = resolve;
  }

  /** Opens a TCP connection and closes it. Resolves when it was open. @throws NotAllowedError */
  async connect(destination: Destination, signal: AbortSignal): Promise<void> {
    this.#judge(destination);
    await new Promise<void>((resolve, reject) => {
      const { host, port } = destination;
      const socket = connect({ host: unbracketed(host), port, lookup: this.#lookup(destination) });
      const give = (error?: Error) => {
        signal.removeEventListener('abort', abort);
        socket.destroy();
        if (error) reject(error);
        else resolve();
      };
      const abort = () => give(new Error('time limit'));
      signal.addEventListener('abort', abort, { once: true });
      socket.once('connect', () => give());
      socket.once('error', give);
      if (signal.aborted) abort();
    });
  }

  /** Sends one GET. @throws NotAllowedError, TooLongError */
  async get(url: URL, { signal, maxBytes, verify = true }: HttpOptions): Promise<HttpAnswer> {
    const destination = destinationOf(url);
    this.#judge(destination);
    return new Promise((resolve, reject) => {
      const options = {
        method: 'GET',
        signal,
        agent: false as const,
        rejectUnauthorized: verify,
        lookup: this.#lookup(destination),
      };
      const request = (url.protocol === 'https:' ? httpsRequest : httpRequest)(url, options, (response) => {
        const { statusCode: status = 0 } = response;
        if (maxBytes === 0) {
          response.destroy();
          return resolve({ status, body: '' });
        }
        const chunks: Buffer[] = [];
        let size = 0;
        response.on('data', (chunk: Buffer) => {
          size += chunk.length;
          chunks.push(chunk);
          if (size > maxBytes)
            response.destroy(new TooLongError(`the answer is longer than ${maxBytes} bytes`));
        });
        response.once('end', () => resolve({ status, body: Buffer.concat(chunks).toString('utf8') }));
        response.once('error', reject);
      });
      request.once('error', reject);
      request.end();
    });
  }

  #judge(destination: Destination): void {
    const why = whyNotThere(this.#reach, destination);
    if (why) throw new NotAllowedError(why);
    const { host } = destination;
    const literal = unbracketed(host);
    const own = isIP(literal)
      ? whyNotAddress(this.#reach, destination, literal, this.#ownAddresses())
      : undefined;
    if (own) throw new NotAllowedError(own);
  }

  /** One forbidden address among several refuses all: we do not choose which one is used. */
  #lookup(destination: Destination): LookupFunction {
    return (hostname, options, callback) => {
      this.#resolve(hostname, { ...options, all: true }, (error, addresses) => {
        if (error) return callback(error, []);
        for (const { address } of addresses) {
          const why = whyNotAddress(this.#reach, destination, address, this.#ownAddresses());
          // Do not name the resolved address: the message goes into a status that many people may read.
          if (why) return callback(new NotAllowedError(why.replace(address, 'an address')), []);
        }
        const [first] = addresses;
        if (options.all) callback(null, addresses);
        else callback(null, first?.address ?? '', first?.family);
      });
    };
  }
}

const addressesOfInterfaces = (): string[] =>
  Object.values(networkInterfaces()).flatMap((its) =>
    (its ?? []).map(({ address }) => address.split('%')[0]!),
  );

/** A socket takes an IPv6 address without brackets. */
const unbracketed = (host: string): string => {
  const inner = host.replace(/^\[(.*)\]$/, '$1');
  return isIP(inner) === 6 ? inner : host;
};
