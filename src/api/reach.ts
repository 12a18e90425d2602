// The addresses to which Spikegate may send a request because an object names them. A user who may create an object
// must not reach what only Spikegate can reach: metadata services of clouds, ports of its own pod, other machines.
// Pure: names are resolved elsewhere (workloads/outside.ts), and each address is checked again.
import { BlockList, isIP, isIPv6 } from 'node:net';

/** One entry of an allow list. */
interface Place {
  /** Lower case; `*` for any, `*.x` for everything below x. */
  host: string;
  port?: number;
  /** An entry with a scheme is a URL prefix. */
  protocol?: string;
  path?: string;
}

export type Reach = readonly Place[];

/** A host and port; for a request by HTTP, the URL too. */
export interface Destination {
  host: string;
  port: number;
  url?: URL;
}

/** The allowed addresses, by purpose. */
export interface OutsideReach {
  /** `spec.metrics.server` of an ElasticWeb. */
  prometheus: Reach;
  /** `thirdParty.url` of a DataService. */
  thirdParty: Reach;
}

/** The destination of a URL, as a client would connect. */
export const destinationOf = (url: URL): Destination => ({
  url,
  host: url.hostname,
  port: url.port ? Number(url.port) : url.protocol === 'https:' ? 443 : 80,
});

/** Services of the cluster. No other machine has such a name. */
export const clusterServices = ['*.svc', '*.svc.cluster.local'];
export const anywhere = ['*'];
/** The Service that the Prometheus operator makes, in the namespace of kube-prometheus. */
export const defaultPrometheus = 'http://prometheus-operated.monitoring.svc:9090';
/** This machine. Allowed for a sandbox, never in a cluster, where it is Spikegate's own pod. */
export const thisMachine = ['localhost', '127.0.0.1', '[::1]'];

const blockList = (...subnets: [string, number][]): BlockList => {
  const list = new BlockList();
  for (const [net, prefix] of subnets) list.addSubnet(net, prefix, isIPv6(net) ? 'ipv6' : 'ipv4');
  return list;
};
const loopback = blockList(['127.0.0.0', 8], ['::1', 128]);
/** Never allowed: link-local (169.254.169.254 and similar), unspecified, multicast, reserved addresses. */
const neverAllowed = blockList(
  ...([
    ['169.254.0.0', 16],
    ['0.0.0.0', 8],
    ['224.0.0.0', 3],
    ['fe80::', 10],
    ['ff00::', 8],
    ['::', 128],
    // The metadata services of AWS by IPv6, of Google by IPv6, of Alibaba Cloud, of Oracle, and Azure's wire server.
    ['fd00:ec2::254', 128],
    ['fd20:ce::254', 128],
    ['100.100.100.200', 32],
    ['192.0.0.0', 24],
    ['168.63.129.16', 32],
    // Teredo addresses contain an IPv4 address. Nobody uses them any more.
    ['2001::', 32],
  ] as [string, number][]),
);

const isIn = (list: BlockList, address: string): boolean =>
  list.check(address, isIPv6(address) ? 'ipv6' : 'ipv4') ||
  // A translator (NAT64, 6to4) may turn such an address into the IPv4 address inside it.
  embedded(address).some((ipv4) => list.check(ipv4, 'ipv4'));

/**
 * IPv4 addresses within an IPv6 one: mapped, compatible or translated (::ffff:0:0:0/96), all in the last 32 bits; NAT64
 * 64:ff9b::/96 and 64:ff9b:1::/48; 6to4 2002::/16.
 */
function embedded(address: string): string[] {
  if (!isIPv6(address)) return [];
  const groups = groupsOf(address);
  const ipv4At = (index: number) => {
    const [high = 0, low = 0] = groups.slice(index, index + 2);
    return [high >> 8, high & 255, low >> 8, low & 255].join('.');
  };
  const isNat64 = groups[0] === 0x64 && groups[1] === 0xff9b;
  const isMapped =
    groups.slice(0, 5).every((it) => it === 0) &&
    // `::1` and `::` begin with six zero groups too, but contain no IPv4 address.
    (groups[5] === 0xffff || (groups[5] === 0 && groups[6] !== 0));
  const isTranslated = groups.slice(0, 4).every((it) => it === 0) && groups[4] === 0xffff && groups[5] === 0;
  return [
    ...(isNat64 || isMapped || isTranslated ? [ipv4At(6)] : []),
    ...(groups[0] === 0x2002 ? [ipv4At(1)] : []),
  ];
}

/** The eight groups of an IPv6 address. `URL` normalizes it first, so that it has no dotted part. */
function groupsOf(address: string): number[] {
  const [bare = ''] = address.split('%');
  const text = new URL(`http://[${bare}]`).hostname.slice(1, -1);
  const [head = '', tail] = text.split('::');
  const numbers = (part: string) => (part === '' ? [] : part.split(':').map((it) => Number.parseInt(it, 16)));
  const [first, last] = [numbers(head), numbers(tail ?? '')];
  const zeros = tail === undefined ? 0 : 8 - first.length - last.length;
  return [...first, ...Array<number>(zeros).fill(0), ...last];
}

/** Whether one of the addresses equals `address`, or an IPv4 address that `address` contains. */
function isOneOf(addresses: readonly string[], address: string): boolean {
  const list = new BlockList();
  for (const it of addresses) list.addAddress(it, isIPv6(it) ? 'ipv6' : 'ipv4');
  return isIn(list, address);
}

const bare = (host: string): string =>
  host
    .toLowerCase()
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '');

/**
 * Parses an allow list. An entry is `host`, `host:port`, `*.suffix`, `*`, or the beginning of the allowed URLs.
 * @throws RangeError that names the entry
 */
export function parseReach(entries: readonly string[]): Reach {
  return entries.map((entry) => {
    const place = placeOf(entry);
    if (!place) {
      throw new RangeError(
        `a place is a host, host:port, *.suffix, * or an http(s) URL without a query, got "${entry}"`,
      );
    }
    return place;
  });
}

function placeOf(entry: string): Place | undefined {
  if (/^https?:\/\//i.test(entry)) {
    if (!URL.canParse(entry)) return undefined;
    const { protocol, hostname, port, pathname, search, hash, username, password } = new URL(entry);
    if (search || hash || username || password) return undefined;
    const number = port ? Number(port) : protocol === 'https:' ? 443 : 80;
    return { protocol, host: bare(hostname), port: number, path: pathname.replace(/\/+$/, '') };
  }
  const match = /^(\*|(?:\*\.)?[a-z0-9_.-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?$/i.exec(entry);
  if (!match) return undefined;
  const [, host = '', port] = match;
  if (port !== undefined && (Number(port) < 1 || Number(port) > 65_535)) return undefined;
  return { host: bare(host), ...(port === undefined ? {} : { port: Number(port) }) };
}

function covers(place: Place, { host, port, url }: Destination): boolean {
  const name = bare(host);
  const isHost =
    place.host === '*' ||
    place.host === name ||
    (place.host.startsWith('*.') && name.endsWith(place.host.slice(1)));
  if (!isHost || (place.port !== undefined && place.port !== port)) return false;
  if (place.protocol === undefined) return true;
  if (url?.protocol !== place.protocol) return false;
  const { path = '' } = place;
  return url.pathname === path || url.pathname.startsWith(`${path}/`);
}

/** Whether an entry names this machine. Other entries (`*`) do not allow requests to this machine. */
const meansThisMachine = (place: Place): boolean =>
  place.host === 'localhost' || (isIP(place.host) !== 0 && isIn(loopback, place.host));

/** The addresses that `serve` allows by default. */
export const defaultReach: OutsideReach = {
  prometheus: parseReach(clusterServices),
  thirdParty: parseReach(anywhere),
};

/**
 * Returns why a destination is not allowed, as words that follow its name. Undefined when its host and URL are
 * allowed; `whyNotAddress` must still check the address to which a host name resolves.
 */
export function whyNotThere(reach: Reach, destination: Destination): string | undefined {
  // The server may decode such characters and use another path than the one that the allow list was compared with.
  if (destination.url && /%(2f|5c|2e)/i.test(destination.url.pathname)) {
    return 'has an encoded slash or dot in its path';
  }
  if (!reach.some((place) => covers(place, destination))) return 'is not among the places that are allowed';
  const host = bare(destination.host);
  return isIP(host) ? whyNotAddress(reach, destination, host) : undefined;
}

/** The same for an address to which the host resolves. `own`: addresses of this machine's interfaces. */
export function whyNotAddress(
  reach: Reach,
  destination: Destination,
  address: string,
  own: readonly string[] = [],
): string | undefined {
  if (isIn(neverAllowed, address)) return `is ${address}, which is never asked`;
  if (!isIn(loopback, address) && !isOneOf(own, address)) return undefined;
  if (reach.some((place) => meansThisMachine(place) && covers(place, destination))) return undefined;
  return `is ${address}, this machine itself`;
}
