// The sockets a process listens on, as Linux tells (/proc). Knows nothing of ours.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** `tcp 127.0.0.1:8080`, `tcp6 :::8080`, `udp …`, `unix /path`: everything that accepts what others send. */
export function listening(pid: number): string[] {
  const inodes = new Set<string>();
  for (const fd of readdirSync(`/proc/${pid}/fd`)) {
    const match = /^socket:\[(\d+)\]$/.exec(linkOf(`/proc/${pid}/fd/${fd}`));
    if (match) inodes.add(match[1]!);
  }
  const own = (table: string, inodeColumn: number) =>
    readFileSync(`/proc/${pid}/net/${table}`, 'utf8')
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .filter((columns) => inodes.has(columns[inodeColumn] ?? ''));
  // proc(5): the state 0A is LISTEN; a UDP socket without a peer (0.0.0.0:0) takes from everybody.
  const tcp = ['tcp', 'tcp6'].flatMap((table) =>
    own(table, 9)
      .filter((columns) => columns[3] === '0A')
      .map((columns) => `${table} ${addressOf(columns[1]!)}`),
  );
  const udp = ['udp', 'udp6'].flatMap((table) =>
    own(table, 9)
      .filter((columns) => /^0+:0+$/.test(columns[2]!))
      .map((columns) => `${table} ${addressOf(columns[1]!)}`),
  );
  // Flag __SO_ACCEPTCON is 00010000.
  const unix = own('unix', 6)
    .filter((columns) => columns[3] === '00010000')
    .map((columns) => `unix ${columns[7] ?? ''}`);
  return [...tcp, ...udp, ...unix].sort();
}

/** A descriptor may be closed while we look. */
function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

/** Addresses are in words of four bytes in the machine's order; ours are little-endian. */
function addressOf(text: string): string {
  const [address = '', port = ''] = text.split(':');
  const number = Number.parseInt(port, 16);
  if (address.length === 8) {
    const bytes = address.match(/../g)!.reverse();
    return `${bytes.map((byte) => Number.parseInt(byte, 16)).join('.')}:${number}`;
  }
  if (/^0+$/.test(address)) return `[::]:${number}`;
  return address === '00000000000000000000000001000000' ? `[::1]:${number}` : `[${address}]:${number}`;
}
