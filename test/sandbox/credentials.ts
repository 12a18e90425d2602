// One set of keys and certificates for all sandboxes of a test file: making three RSA keys is most of what a start costs.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadPki, type Pki } from '../../src/sandbox/pki.ts';

const host = '127.0.0.1';
let made: Promise<Pki> | undefined;

export const sharedPki = (): Promise<Pki> => {
  made ??= loadPki(undefined, host, Date.now());
  return made;
};

/** Leaves them where a sandbox that starts in `dir` looks for those of its last start. */
export async function leaveCredentials(dir: string): Promise<void> {
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, 'pki.json'), JSON.stringify({ ...(await sharedPki()), host, made: Date.now() }));
}
