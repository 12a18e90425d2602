// docs/settings.md, written from the rows of settings.
import { groups, type Row } from '../../src/settings/row.ts';
import { rows } from '../../src/settings/serve.ts';

/** The whole file. */
export function settingsDocument(): string {
  const all = Object.values(rows) as Row<unknown>[];
  const sections = groups.map((group) => {
    const lines = all.filter((row) => row.group === group).map(lineOf);
    return [`## ${group}`, '', '| flag | variable | default | what it sets |', '|---|---|---|---|', ...lines];
  });
  return `${[head, ...sections.map((lines) => lines.join('\n'))].join('\n\n')}\n`;
}

const head = `# Settings of \`spikegate serve\`

Written by \`npm run docs\` from \`src/settings\`. Each setting is a flag and an environment variable; the flag
wins. A duration is a number with a unit: \`500ms\`, \`30s\`, \`5m\`, \`1h\`, \`7d\`. A switch is \`true\` or \`false\` in its variable.
The two ports have variables that end in \`_NUMBER\`, because Kubernetes itself sets \`SPIKEGATE_PORT\` in pods beside a
Service that is called \`spikegate\`.`;

function lineOf(row: Row<unknown>): string {
  const help = row.choices ? `${row.help} (${row.choices.join(', ')})` : row.help;
  return `| \`${row.flag}\` | \`${row.env}\` | ${defaultOf(row)} | ${help.replaceAll('|', '\\|')} |`;
}

function defaultOf(row: Row<unknown>): string {
  if (row.defaultText) return row.defaultText.replaceAll('*', '\\*');
  return row.default === undefined ? '' : `\`${row.default}\``;
}
