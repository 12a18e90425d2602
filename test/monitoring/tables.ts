// The tables in docs/metrics.md and docs/alerts.md, from what the program exports and the rules say.
// `node test/monitoring/tables.ts` writes them anew.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ruleGroups } from '../../src/monitoring/rules.ts';
import { Exported } from './exported.ts';

const docs = join(import.meta.dirname, '..', '..', 'docs');
const begin = '<!-- from here on by test/monitoring/tables.ts -->';
const end = '<!-- until here -->';

/** What every Node process exports is not listed. */
const foreign = /^(process|nodejs)_/;

function metricsTable(): string {
  const rows = new Exported().metrics.registry.getMetricsAsArray().map((metric) => {
    const { name, type, help, labelNames } = metric as unknown as Record<'name' | 'type' | 'help', string> & {
      labelNames: string[];
    };
    return { name, row: `| \`${name}\` | ${type} | ${labelNames.join(', ')} | ${help} |` };
  });
  const own = rows.filter(({ name }) => !foreign.test(name)).sort((a, b) => (a.name < b.name ? -1 : 1));
  return ['| metric | type | labels | |', '|---|---|---|---|', ...own.map(({ row }) => row)].join('\n');
}

function alertsTable(): string {
  const cell = (text: string) => text.replaceAll('|', '\\|');
  const rows = ruleGroups.flatMap(({ alerts }) =>
    alerts.map(
      ({ alert, severity, for: duration, description, action }) =>
        `| ${alert}<br>${severity}, after ${duration} | ${cell(description)} | ${cell(action)} |`,
    ),
  );
  return ['| alert | what it means | what to do |', '|---|---|---|', ...rows].join('\n');
}

export const tables: Record<string, () => string> = {
  'metrics.md': metricsTable,
  'alerts.md': alertsTable,
};

/** The page as it is, and as it must be. */
export function pageOf(name: string): { file: string; is: string; must: string } {
  const file = join(docs, name);
  const is = readFileSync(file, 'utf8');
  const [from, to] = [is.indexOf(begin), is.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`docs/${name} has no place for its table`);
  const must = `${is.slice(0, from + begin.length)}\n\n${tables[name]!()}\n\n${is.slice(to)}`;
  return { file, is, must };
}

if (import.meta.main) {
  for (const name of Object.keys(tables)) {
    const { file, must } = pageOf(name);
    writeFileSync(file, must);
  }
}
