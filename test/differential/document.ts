// The table of differences as docs/sandbox.md shows it. `main.ts --document` writes it there; a test compares.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Allowed } from './allowed.ts';

const file = join(import.meta.dirname, '../../docs/sandbox.md');
const marks = ['<!-- differences -->', '<!-- /differences -->'] as const;

const escaped = (text: string) => text.replaceAll('|', '\\|').replaceAll('<', '&lt;');

function where({ steps, path }: Allowed): string {
  const place = path === '*' ? '' : ` in \`${path}\``;
  if (steps.length === 1 && steps[0] === '*') return `everywhere${place}`;
  const topics = new Map<string, string[]>();
  for (const step of steps) {
    const [topic = '', ...name] = step.split('/');
    topics.set(topic, [...(topics.get(topic) ?? []), name.join('/')]);
  }
  const told = [...topics].map(([topic, names]) => {
    return names.length > 4 ? `${topic}: ${names.length} requests` : `${topic}: ${names.join('; ')}`;
  });
  return told.join(' · ') + place;
}

export function tableOf(table: readonly Allowed[]): string {
  const reasons = new Map<string, string[]>();
  for (const entry of table) reasons.set(entry.reason, [...(reasons.get(entry.reason) ?? []), where(entry)]);
  const rows = [...reasons].map(
    ([reason, places]) => `| ${escaped(reason)} | ${escaped(places.join(' · '))} |`,
  );
  return ['| difference and its reason | where |', '|---|---|', ...rows].join('\n');
}

const around = (text: string) => {
  const [before, rest] = text.split(marks[0]);
  const [table, after] = (rest ?? '').split(marks[1]);
  if (before === undefined || table === undefined || after === undefined)
    throw new Error(`${file} has no ${marks.join(' … ')}`);
  return { before, table: table.trim(), after };
};

export const documented = (): string => around(readFileSync(file, 'utf8')).table;

export function write(table: string): void {
  const { before, after } = around(readFileSync(file, 'utf8'));
  writeFileSync(file, `${before}${marks[0]}\n${table}\n${marks[1]}${after}`);
}
