import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deriveSources } from './apt-sources.ts';

const sources = (text: string) => deriveSources([{ name: 'debian.sources', text }], 'bookworm');
const list = (text: string) => deriveSources([{ name: 'sources.list', text }], 'bookworm');

test('a deb822 stanza of Debian gets deb-src and keeps its other fields', () => {
  const text = `Types: deb
# a snapshot: http://example.test/2025
URIs: http://example.test/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

# only a comment

Types: deb
URIs: http://example.test/debian-security
Suites: bookworm-security
Components: main
`;
  assert.deepEqual(sources(text), {
    stanzas: `types: deb deb-src
uris: http://example.test/debian
suites: bookworm bookworm-updates
components: main contrib
signed-by: /usr/share/keyrings/debian-archive-keyring.gpg

types: deb deb-src
uris: http://example.test/debian-security
suites: bookworm-security
components: main`,
    lines: '',
  });
});

test('a key within a stanza survives, with its indented lines', () => {
  const { stanzas } = sources(`Types: deb
URIs: http://example.test/debian
Suites: stable
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
# between lines
 mDMEY865UxYJKwYBBAHaRw8BAQdAd7Z0srwuhlB6JKFkcf4HU4SSS
 -----END PGP PUBLIC KEY BLOCK-----
`);
  assert.match(stanzas, /signed-by: \n -----BEGIN PGP PUBLIC KEY BLOCK-----\n \.\n mDMEY865.*\n -----END/);
});

test('stanzas that are off, of others, or of other suites are left out', () => {
  const stanza = (suites: string, components: string, more = '') =>
    `Types: deb\nURIs: http://example.test/x\nSuites: ${suites}\nComponents: ${components}\n${more}`;
  const text = [
    stanza('nodistro', 'main'),
    stanza('cloud-sdk-bookworm', 'main'),
    stanza('bookworm', 'stable'),
    stanza('trixie', 'main'),
    stanza('bookworm', 'main', 'Enabled: no'),
  ].join('\n\n');
  assert.deepEqual(sources(text), { stanzas: '', lines: '' });
});

test('a one-line entry of Debian gets a deb-src beside it, with its options', () => {
  const { lines } = list(`# see sources.list(5)
deb http://example.test/debian bookworm main contrib # the main thing
deb [arch=amd64 signed-by=/etc/key.gpg] http://example.test/security  bookworm-security  main
`);
  assert.equal(
    lines,
    `deb http://example.test/debian bookworm main contrib
deb-src http://example.test/debian bookworm main contrib
deb [arch=amd64 signed-by=/etc/key.gpg] http://example.test/security bookworm-security main
deb-src [arch=amd64 signed-by=/etc/key.gpg] http://example.test/security bookworm-security main`,
  );
});

test('an entry that has its deb-src already is not given twice', () => {
  const { lines } = list(`deb http://example.test/debian bookworm main
deb-src http://example.test/debian bookworm main`);
  assert.equal(
    lines,
    'deb http://example.test/debian bookworm main\ndeb-src http://example.test/debian bookworm main',
  );
});

test('one-line entries that are off, of others, or on a disc are left out', () => {
  const { lines } = list(`#deb http://example.test/debian bookworm main
deb cdrom:[Debian_12]/ bookworm main
deb http://example.test/docker bookworm stable
deb http://example.test/apt cloud-sdk-bookworm main
deb http://example.test/flat ./`);
  assert.equal(lines, '');
});
