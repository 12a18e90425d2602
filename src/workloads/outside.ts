// Sends requests to addresses that users write into objects, and refuses addresses that are not allowed. It checks the
// name, then every address that the name resolves to, and connects to one of these checked addresses. So a second DNS
// answer cannot change the destination. It follows no redirects, and bounds the length of answers. Knows neither
// Prometheus nor databases.
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

/** One for the whole process, because all look-ups of a process share Node's few threads. */
const resolveBounded = boundedLookup((name, options, answer) => lookup(name, options, answer), systemClock);

export interface OutsideOptions {
  /** The allowed addresses. */
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
  /** false: do not verify the certificate, because the caller only asks whether something answers. */
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

  constructor({ reach, resolve = resolveBounded, ownAddresses = addressesOfInterfaces }: OutsideOptions) {
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
      const finish = (error?: Error) => {
        signal.removeEventListener('abort', abort);
        socket.destroy();
        if (error) reject(error);
        else resolve();
      };
      const abort = () => finish(new Error('time limit'));
      signal.addEventListener('abort', abort, { once: true });
      socket.once('connect', () => finish());
      socket.once('error', finish);
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
    const whyNot = isIP(literal)
      ? whyNotAddress(this.#reach, destination, literal, this.#ownAddresses())
      : undefined;
    if (whyNot) throw new NotAllowedError(whyNot);
  }

  /** Refuses the name when one of its addresses is forbidden, because Node chooses which address it connects to. */
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
