// The addresses of one cluster: all in one 10.N.0.0/16 of its own. Pure.

export interface Addresses {
  /** N: also in the names of the cluster's link and control group. */
  number: number;
  /** The host's route to everything of the cluster leads here. */
  range: string;
  pods: string;
  /** The bridge's address: the pods' gateway, the node's address and the API server's advertised one. */
  node: string;
  services: string;
  /** The first address of `services`: the service `kubernetes` has it. */
  kubernetes: string;
  dns: string;
  /** The two ends of the link between this machine and the cluster's network namespace. */
  link: { host: string; cluster: string; prefix: number };
}

export function addressesOf(number: number): Addresses {
  const start = `10.${number}`;
  return {
    number,
    range: `${start}.0.0/16`,
    pods: `${start}.0.0/24`,
    node: `${start}.0.1`,
    services: `${start}.128.0/20`,
    kubernetes: `${start}.128.1`,
    dns: `${start}.128.10`,
    link: { host: `${start}.255.1`, cluster: `${start}.255.2`, prefix: 30 },
  };
}

/** Far from the ranges that machines of cloud providers and container engines have. */
const candidates = Array.from({ length: 40 }, (_, i) => 215 + i);

/**
 * Numbers whose range overlaps none of `taken`, the machine's routes and addresses.
 * @param taken `10.0.0.0/8`, `192.168.1.7`, `default`
 */
export function freeNumbers(taken: string[]): number[] {
  const ranges = taken.flatMap((route) => {
    const match = /^(\d+)\.(\d+)\.(\d+)\.(\d+)(?:\/(\d+))?$/.exec(route);
    if (!match) return [];
    const [a = 0, b = 0, c = 0, d = 0, prefix = 32] = match.slice(1).map((part) => part && Number(part)) as (
      | number
      | undefined
    )[];
    const first = a * 2 ** 24 + b * 2 ** 16 + c * 2 ** 8 + d;
    const size = 2 ** (32 - prefix);
    const start = Math.floor(first / size) * size;
    // The default route is not in the way: a more specific one wins.
    return prefix === 0 ? [] : [{ start, end: start + size }];
  });
  return candidates.filter((number) => {
    const start = 10 * 2 ** 24 + number * 2 ** 16;
    return ranges.every((range) => range.end <= start || range.start >= start + 2 ** 16);
  });
}
