// `npm run docs`: writes the pages of docs/ that come from the code. test/docs compares them with what is committed.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { documents } from './documents.ts';

const root = join(import.meta.dirname, '..', '..');
for (const [path, write] of documents) {
  writeFileSync(join(root, path), write());
  console.log(`wrote ${path}`);
}
