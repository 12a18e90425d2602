// Requests to what an object names, and to nothing it must not name: the name is judged, then every address that it
// is resolved to, and the connection goes to one of these very addresses, so no second answer of a name server counts.
// Redirects are not followed, answers are bounded. Knows neither Prometheus nor databases.
import { lookup } from 'node:dns';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect, isIP, type LookupFunction } from 'node:net';
import { type Destination, destinationOf, type Reach, whyNotAddress, whyNotThere } from '../api/reach.ts';

/** The destination may not be reached; the message says why, after its name. */
export class NotAllowedError extends Error {
  override readonly name = 'NotAllowedError';
}

export type Resolve = typeof lookup;

export interface OutsideOptions {
  reach: Reach;
  /** Of names; dns.lookup unless a test has its own. */
  resolve?: Resolve;
}

export interface HttpOptions {
  signal: AbortSignal;
  /** Bytes of the body that are read; a longer one is an error. 0: none is read, and it may be of any length. */
  mostBytes: number;
  /** false: who it is does not count, only that it answers. */
  verify?: boolean;
}

export interface HttpAnswer {
  status: number;
  body: string;
}

export class TooLongError extends Error {}

export class Outside {
  readonly #reach: Reach;
  readonly #resolve: Resolve;

  constructor({ reach, resolve = lookup }: OutsideOptions) {
    this.#reach = reach;
    this.#resolve = resolve;
  }

  /** Resolves when a TCP connection is open, and closes it. @throws NotAllowedError */
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

  /** One GET. @throws NotAllowedError, TooLongError */
  async get(url: URL, { signal, mostBytes, verify = true }: HttpOptions): Promise<HttpAnswer> {
    const destination = destinationOf(url);
    this.#judge(destination);
    return new Promise((resolve, reject) => {
      const options = {
        ...{ method: 'GET', signal, agent: false as const, rejectUnauthorized: verify },
        lookup: this.#lookup(destination),
      };
      const request = (url.protocol === 'https:' ? httpsRequest : httpRequest)(url, options, (response) => {
        const { statusCode: status = 0 } = response;
        if (mostBytes === 0) {
          response.destroy();
          return resolve({ status, body: '' });
        }
        const chunks: Buffer[] = [];
        let size = 0;
        response.on('data', (chunk: Buffer) => {
          size += chunk.length;
          chunks.push(chunk);
          if (size > mostBytes)
            response.destroy(new TooLongError(`the answer is longer than ${mostBytes} bytes`));
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
  }

  /** One forbidden address among several is enough: which of them is taken is not ours to say. */
  #lookup(destination: Destination): LookupFunction {
    return (hostname, options, callback) => {
      this.#resolve(hostname, { ...options, all: true }, (error, addresses) => {
        if (error) return callback(error, []);
        for (const { address } of addresses) {
          const why = whyNotAddress(this.#reach, destination, address);
          if (why) return callback(new NotAllowedError(why), []);
        }
        const [first] = addresses;
        if (options.all) callback(null, addresses);
        else callback(null, first?.address ?? '', first?.family);
      });
    };
  }
}

/** As a socket takes an IPv6 address. */
const unbracketed = (host: string): string => {
  const inner = host.replace(/^\[(.*)\]$/, '$1');
  return isIP(inner) === 6 ? inner : host;
};
