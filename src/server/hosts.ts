// Decides which Host headers the metrics port accepts. It prevents DNS rebinding: a hostile site makes its own name
// resolve to our address, and its scripts then read our pages in the victim's browser. IP addresses are safe, because
// no DNS record can redirect them.
import { isIP } from 'node:net';

export type HostCheck = (host: string | undefined) => boolean;

const withoutPort = (host: string): string => host.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');

function isLoopbackAddress(address: string): boolean {
  return address === 'localhost' || address === '::1' || /^127(\.\d{1,3}){3}$/.test(address);
}

/**
 * Accepts loopback hosts and the given names. Also accepts every IP address, unless `bound`, the address on which the
 * port listens, is a loopback address.
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
