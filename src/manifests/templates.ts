// Turns manifests into templates of Helm. Marks in the manifests stand for Helm's words until the text is written,
// since a YAML library would quote braces. Knows no kind.
import { type Manifest, toYaml } from './manifest.ts';

/** Stand for a value that the release or its values choose. */
const placeholders = {
  'release-namespace': '{{ .Release.Namespace }}',
  'release-fullname': '{{ include "spikegate.fullname" . }}',
  'test-namespace': '{{ .Values.test.namespace }}',
} as const;
type Placeholder = keyof typeof placeholders;

export const namespace = 'release-namespace' satisfies Placeholder;
export const fullname = 'release-fullname' satisfies Placeholder;
export const testNamespace = 'test-namespace' satisfies Placeholder;

/**
 * As the only item of a list: the list of the value `namespaces`; the field is not there when that is empty. Elsewhere,
 * within `forEachNamespace`: one of them.
 */
export const eachNamespace = 'each-namespace';

/** Items of a list that are there when the condition, an expression of Helm, is true. */
export const when = (condition: string, items: readonly unknown[]): unknown[] => [
  `when ${condition}`,
  ...items,
  'end when',
];

export const asTemplate = (manifests: readonly Manifest[]): string => inHelmsWords(toYaml(manifests));

export const onlyWhen = (condition: string, text: string): string =>
  `{{- if ${condition} }}\n${text}{{- end }}\n`;

export const eitherWay = (condition: string, text: string, otherwise: string): string =>
  `{{- if ${condition} }}\n${text}{{- else }}\n${otherwise}{{- end }}\n`;

/** The objects once for each item of the value `namespaces`. Within `range` the dot is the item, and `$` the rest. */
export function forEachNamespace(manifests: readonly Manifest[]): string {
  const text = asTemplate(manifests)
    .replaceAll(/(include "[^"]+" )\./g, '$1$')
    .replaceAll('{{ .Release', '{{ $.Release')
    .replaceAll(eachNamespace, '{{ . }}');
  return `{{- range .Values.namespaces }}\n---\n${text}{{- end }}\n`;
}

/** Several texts of objects as one. A text may come to nothing; YAML permits an empty document. */
export const documents = (...texts: readonly string[]): string => texts.join('---\n');

export function inHelmsWords(text: string): string {
  const marked = text
    .replaceAll(/^ *- when (.*)$/gm, '{{- if $1 }}')
    .replaceAll(/^ *- end when$/gm, '{{- end }}')
    .replaceAll(
      new RegExp(`^( *\\w+:)\\n( *)- ${eachNamespace}$`, 'gm'),
      (_, field, { length }) =>
        `{{- with .Values.namespaces }}\n${field}\n{{- toYaml . | nindent ${length} }}\n{{- end }}`,
    );
  return Object.entries(placeholders).reduce(
    (so, [placeholder, words]) => so.replaceAll(placeholder, words),
    marked,
  );
}
