// From the system's own apt entries, entries that also give source packages. Pure, and the only place from
// which the build learns where packages come from: it names no host.

export interface AptFile {
  /** `.sources` files are deb822 stanzas, all others one entry a line (sources.list(5)). */
  name: string;
  text: string;
}

/** The contents of a `.sources` and of a `.list` file that replace all those given. */
export interface DerivedSources {
  stanzas: string;
  lines: string;
}

/**
 * Keeps Debian's own entries, told by their suite and component, and adds `deb-src` to each: entries of
 * others (a vendor's repository) mostly have no sources, and one that is down would fail the build.
 * @param codename `bookworm`
 */
export function deriveSources(files: AptFile[], codename: string): DerivedSources {
  const stanzas = new Set<string>();
  const lines = new Set<string>();
  for (const { name, text } of files) {
    if (name.endsWith('.sources')) {
      for (const stanza of text.split(/\n[ \t]*\n/)) addIf(stanzas, deriveStanza(stanza, codename));
    } else {
      for (const line of text.split('\n'))
        for (const derived of deriveLine(line, codename)) lines.add(derived);
    }
  }
  return { stanzas: [...stanzas].join('\n\n'), lines: [...lines].join('\n') };
}

function addIf<T>(set: Set<T>, value: T | undefined): void {
  if (value !== undefined) set.add(value);
}

function isDebians(uri: string, suites: string[], components: string[], codename: string): boolean {
  const ours = suites.some((suite) =>
    [codename, 'stable', 'oldstable', 'oldoldstable'].some(
      (base) => suite === base || suite === `${base}-updates` || suite === `${base}-security`,
    ),
  );
  return ours && components.includes('main') && !uri.startsWith('cdrom:');
}

function deriveStanza(stanza: string, codename: string): string | undefined {
  // Comments may stand between a field and its continuation lines.
  const text = stanza.split('\n').filter((line) => line.trim() && !line.startsWith('#'));
  const fields = new Map<string, string>();
  let last = '';
  for (const line of text) {
    const [, name, value] = /^([A-Za-z-]+):[ \t]*(.*)$/.exec(line) ?? [];
    if (name !== undefined) {
      last = name.toLowerCase();
      fields.set(last, value ?? '');
    } else {
      fields.set(last, `${fields.get(last)}\n${line}`);
    }
  }
  const words = (field: string) => fields.get(field)?.split(/\s+/).filter(Boolean) ?? [];
  if (/^(no|false|without|off|disable)$/i.test(fields.get('enabled') ?? '')) return undefined;
  if (!isDebians(words('uris')[0] ?? '', words('suites'), words('components'), codename)) return undefined;
  fields.set('types', 'deb deb-src');
  return [...fields].map(([name, value]) => `${name}: ${value}`).join('\n');
}

function deriveLine(line: string, codename: string): string[] {
  const [, options = '', uri, suite, rest] =
    /^(?:deb|deb-src)\s+(\[[^\]]*\])?\s*(\S+)\s+(\S+)\s+([^#]*)/.exec(line.trim()) ?? [];
  if (!uri || !suite || !rest) return [];
  const components = rest.trim().split(/\s+/);
  if (!isDebians(uri, [suite], components, codename)) return [];
  const entry = [options, uri, suite, ...components].filter(Boolean).join(' ');
  return [`deb ${entry}`, `deb-src ${entry}`];
}
