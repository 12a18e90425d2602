// Formats the doctor's report as text or as JSON. Pure.
import type { Finding } from './findings.ts';

export interface Report {
  server: string;
  version: string;
  findings: readonly Finding[];
  /** One sentence for each thing that could not be read. */
  unchecked: readonly string[];
  /** Names of the checks that ran and found nothing. */
  passed: readonly string[];
}

export type Paint = (style: 'bold' | 'dim' | 'red' | 'yellow' | 'green', text: string) => string;
export const plain: Paint = (_style, text) => text;

const codes = { bold: 1, dim: 2, red: 31, yellow: 33, green: 32 };
export const coloured: Paint = (style, text) => `\u001b[${codes[style]}m${text}\u001b[0m`;

export function asText(report: Report, paint: Paint): string {
  const { findings, unchecked, passed } = report;
  const lines = [`${paint('dim', `Kubernetes ${report.version} at ${report.server}`)}`, ''];
  for (const finding of findings) lines.push(...textOf(finding, paint), '');
  if (unchecked.length > 0) lines.push(...unchecked.map((it) => paint('dim', `not checked  ${it}`)), '');
  const errors = findings.filter(({ severity }) => severity === 'error').length;
  const counts = `${counted(errors, 'error')}, ${counted(findings.length - errors, 'warning')}`;
  const rest = `${counted(passed.length, 'check')} found nothing`;
  lines.push(
    findings.length > 0
      ? paint(errors > 0 ? 'red' : 'yellow', `${counts}; ${rest}`)
      : paint('green', `healthy: ${rest}`),
  );
  return lines.join('\n');
}

function textOf({ severity, reason, where, what, remedy }: Finding, paint: Paint): string[] {
  const head = paint(severity === 'error' ? 'red' : 'yellow', severity.padEnd(7));
  return [
    `${head} ${paint('bold', reason)}  ${where}`,
    `        ${what}`,
    `        ${paint('dim', 'do:')} ${remedy}`,
  ];
}

const counted = (count: number, thing: string): string => `${count} ${thing}${count === 1 ? '' : 's'}`;

/** Programs read this document: later versions may add fields, but must not remove any. */
export function asJson({ findings, ...report }: Report): string {
  return JSON.stringify({ healthy: findings.length === 0, ...report, findings }, null, 2);
}
