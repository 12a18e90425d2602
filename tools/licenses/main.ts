// Fails when a package of the program has a licence that its users may not be able to accept. Reads package-lock.json
// only, so it needs no network. The release workflow and a test run it.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Permissive licences, by SPDX id: they ask for a notice at most. */
const accepted = new Set([
  'MIT',
  'ISC',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  '0BSD',
  'Unlicense',
  'PSF-2.0',
]);

interface Lock {
  packages: Record<string, { version?: string; license?: string; dev?: boolean; devOptional?: boolean }>;
}

/** Whether an SPDX expression leaves a choice of accepted licences. */
function isAccepted(expression: string): boolean {
  const text = expression.replace(/^\((.*)\)$/, '$1');
  if (text.includes(' AND ')) return text.split(' AND ').every(isAccepted);
  return text.split(' OR ').some((license) => accepted.has(license));
}

/** The packages of the program whose licence is not accepted, one line each. */
export function unacceptable({ packages }: Lock): string[] {
  return Object.entries(packages)
    .filter(([path, { dev, devOptional }]) => path !== '' && !dev && !devOptional)
    .filter(([, { license }]) => license === undefined || !isAccepted(license))
    .map(([path, { version, license }]) => {
      const name = path.replace(/^.*node_modules\//, '');
      return `${name}@${version}: ${license ?? 'no licence'}`;
    });
}

if (import.meta.main) {
  const found = unacceptable(
    JSON.parse(readFileSync(join(import.meta.dirname, '..', '..', 'package-lock.json'), 'utf8')),
  );
  for (const line of found) console.error(`licence not accepted: ${line}`);
  process.exitCode = found.length > 0 ? 1 : 0;
}
