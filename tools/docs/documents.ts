// The pages of docs/ that are written from the code, by their paths in the repository.
import { apiDocument } from './api.ts';
import { settingsDocument } from './settings.ts';

export const documents: ReadonlyMap<string, () => string> = new Map([
  ['docs/api.md', apiDocument],
  ['docs/settings.md', settingsDocument],
]);
