// Turns manifests into Helm templates. In the manifests, plain marks stand for Helm expressions, because a YAML library
// would quote braces. The marks are replaced after the YAML text is written. Knows no kind.
import { type Manifest, toYaml } from './manifest.ts';

/** Marks for values that the release or its values file chooses, each with its Helm expression. */
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
 * A mark with two uses. As the only item of a list, it stands for all items of the value `namespaces`; when that value
 * is empty, the template omits the field. Elsewhere, within `forEachNamespace`, it stands for one of these namespaces.
 */
export const eachNamespace = 'each-namespace';

/** Items that a list has only when `condition`, a Helm expression, is true. */
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

/** The objects once for each item of the value `namespaces`. Within `range`, `.` is the item and `$` the root. */
export function forEachNamespace(manifests: readonly Manifest[]): string {
  const text = asTemplate(manifests)
    .replaceAll(/(include "[^"]+" )\./g, '$1$')
    .replaceAll('{{ .Release', '{{ $.Release')
    .replaceAll(eachNamespace, '{{ . }}');
  return `{{- range .Values.namespaces }}\n---\n${text}{{- end }}\n`;
}

/** Joins YAML texts. A text may render as nothing: YAML permits an empty document. */
export const documents = (...texts: readonly string[]): string => texts.join('---\n');

/** Replaces all marks by Helm expressions. */
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
    (replaced, [placeholder, words]) => replaced.replaceAll(placeholder, words),
    marked,
  );
}
