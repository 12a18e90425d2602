// Removes from node_modules what no process reads: declarations, source maps, documents, tests, builds for other
// engines. Uses nothing but Node itself, since `docker build` runs it alone.
// Usage: node trim.ts FOLDER
import { lstatSync, readdirSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** Of any folder. TypeScript is never run from node_modules: Node refuses to strip types there. */
const files = /\.(map|md|markdown|[cm]?ts|tsbuildinfo|bare)$|[._]test\.[cm]?js$|^\./;
/** Of the top folder of a package only: deeper, such a name may be a module's (`yaml/dist/doc`). */
const folders = /^(tests?|__tests__|docs?|examples?|bench|benchmarks?|coverage|fixtures|\.github)$/;
/** Licences stay, whatever their names end in. */
const kept = /^(licen[cs]e|copying|notice)/i;

export interface Removed {
  files: number;
  bytes: number;
}

export function trim(folder: string, removed: Removed = { files: 0, bytes: 0 }): Removed {
  const isPackage = isPackageFolder(folder);
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      if (isPackage && folders.test(entry.name)) remove(path, removed);
      else trim(path, removed);
    } else if (entry.isFile() && files.test(entry.name) && !kept.test(entry.name)) remove(path, removed);
  }
  return removed;
}

/** `node_modules/express`, `node_modules/@kubernetes/client-node`. */
function isPackageFolder(folder: string): boolean {
  const parent = dirname(folder);
  const holder = basename(parent).startsWith('@') ? dirname(parent) : parent;
  return basename(holder) === 'node_modules' && !basename(folder).startsWith('@');
}

function remove(path: string, removed: Removed): void {
  const what = lstatSync(path);
  if (what.isDirectory()) {
    for (const name of readdirSync(path)) remove(join(path, name), removed);
    rmSync(path, { recursive: true });
    return;
  }
  removed.files++;
  removed.bytes += what.size;
  rmSync(path);
}

if (import.meta.main) {
  const [folder] = process.argv.slice(2);
  if (!folder) throw new Error('name the folder: node trim.ts node_modules');
  const { files, bytes } = trim(folder);
  console.log(`removed ${files} files, ${(bytes / 1e6).toFixed(1)} MB, that no process reads`);
}
