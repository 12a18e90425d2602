// Decides by which names the metrics port may be called. A site whose name resolves to this address (DNS rebinding) is
// same-origin with our pages in a browser, and could read them. An address in the Host header cannot be rebound.
import { isIP } from 'node:net';

export type HostCheck = (host: string | undefined) => boolean;

const withoutPort = (host: string): string => host.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');

function isLoopbackAddress(address: string): boolean {
  return address === 'localhost' || address === '::1' || /^127(\.\d{1,3}){3}$/.test(address);
}

/**
 * `bound`: the address on which the port listens. On a loopback address only loopback hosts are answered; elsewhere
 * also every address and the given names.
 */
export function hostCheck(bound: string, names: readonly string[]): HostCheck {
  const known = new Set(names.map((name) => name.toLowerCase()));
  return (host) => {
    const name = withoutPort((host ?? '').toLowerCase());
    if (isLoopbackAddress(name) || known.has(name)) return true;
    return !isLoopbackAddress(bound) && isIP(name) !== 0;
  };
}

/** The names that a cluster gives a Service. */
export const serviceNames = (service: string, namespace: string): string[] => [
  service,
  `${service}.${namespace}`,
  `${service}.${namespace}.svc`,
  `${service}.${namespace}.svc.cluster.local`,
];
