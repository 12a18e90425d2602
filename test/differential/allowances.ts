// The differences that stay, by why they do. docs/sandbox.md shows this table.

import type { Allowed } from './allowed.ts';
import { gaps } from './gaps.ts';
import { extensionGaps } from './gaps-extensions.ts';

const all = ['*'];
const empty = ['null', '0', '""', '{}', '[]', 'false'];

/** Kubernetes has moved on since 1.20, and the sandbox is like the newer. */
const newer: Allowed[] = [
  {
    steps: all,
    path: '*kubernetes.io/metadata.name',
    reason: 'Every namespace has its name as a label since 1.21.',
  },
  {
    steps: ['errors/*'],
    path: '*',
    sandbox: ['"404 page not found\\n"', '"text/plain; charset=utf-8"'],
    reason: 'Since 1.23 a path that nothing is served at is answered in plain text.',
  },
  {
    steps: ['create/*', 'errors/*', 'crds/*', 'dryrun/*'],
    path: 'header.warning',
    real: ['nothing'],
    reason: 'Unknown and duplicate fields bring a warning since 1.25 (fieldValidation).',
  },
  {
    steps: ['dryrun/validation: strict', 'dryrun/validation: odd', 'dryrun/validation: a patch'],
    path: 'code',
    real: ['"20*'],
    reason: 'fieldValidation came with 1.25; 1.20 takes no notice of it.',
  },
  {
    steps: ['admission/*'],
    path: 'body.message',
    sandbox: ['*failed to call webhook: *', '*received invalid webhook response: *'],
    reason: 'Since 1.21 errors of webhooks say what failed: the call, or the response.',
  },
  {
    steps: ['admission/asked of *'],
    path: '*.options.*',
    reason: 'Since 1.21 a webhook is shown the options of the patch; before, those of the write it became.',
  },
];

/** What 1.20 did and nobody does any more. */
const older: Allowed[] = [
  {
    steps: all,
    path: '*.secrets',
    sandbox: ['nothing'],
    reason: 'Since 1.24 service accounts have no secret of their own.',
  },
  {
    steps: all,
    path: '*.volumes',
    real: ['*default-token-*'],
    reason: 'The sandbox runs no container, so it mounts no token into one.',
  },
  {
    steps: all,
    path: '*.volumeMounts',
    real: ['*default-token-*'],
    reason: 'The sandbox runs no container, so it mounts no token into one.',
  },
  {
    steps: ['discovery/*'],
    path: 'body*versions*',
    reason: 'Beta versions that newer Kubernetes serves no more, and versions newer than 1.20.',
  },
  {
    steps: ['discovery/*'],
    path: 'body.groups.*',
    reason: 'Groups that the sandbox does not serve, and versions newer than 1.20.',
  },
  {
    steps: ['discovery/*'],
    path: "body.resources.'*'",
    reason: 'Kinds and subresources that the sandbox does not serve, or that are newer than 1.20.',
  },
  {
    steps: ['discovery/*'],
    path: '*.singularName',
    real: ['""'],
    reason: 'Built-in kinds have a singular name since 1.27.',
  },
  {
    steps: ['discovery/*', 'crds/*'],
    path: '*.storageVersionHash',
    sandbox: ['nothing'],
    reason: 'A hint for storage migration, which the sandbox has no use for.',
  },
  {
    steps: ['tables/*', 'watches/as tables', 'crds/*'],
    path: '*columnDefinitions*.description',
    sandbox: ['""'],
    reason: 'Descriptions of columns are for generated documentation; kubectl does not show them.',
  },
];

/** Values that mean the same as none. Their pattern says all there is to say about them. */
const zero: Allowed[] = [
  {
    steps: all,
    path: '*',
    real: empty,
    sandbox: ['nothing'],
    reason:
      'Zero values that a Go server writes although nobody set them; clients read the same from their absence.',
  },
  {
    steps: all,
    path: '*',
    real: ['nothing'],
    sandbox: empty,
    reason: 'Empty values that a client sent and a Go server drops when it writes them.',
  },
];

/** Texts that are written by somebody else's library, or say the same in other words. */
const words: Allowed[] = [
  {
    steps: all,
    path: 'body.message',
    real: ['*error found in #*'],
    reason: 'The words of json-iterator; since 1.23 they are those of encoding/json, which the sandbox uses.',
  },
  {
    steps: all,
    path: 'body.message',
    sandbox: ['*json parse error*', '*error decoding YAML: *', '*error decoding patch: *'],
    reason: 'What is wrong with JSON or YAML is said in the words of the parser.',
  },
  {
    steps: all,
    path: 'body.message',
    real: ['*must have at most * bytes*'],
    reason: 'Newer Kubernetes says "may not be more than".',
  },
  {
    steps: all,
    path: 'body.message',
    real: ['*found *, expected: *', "*expected: '(*", '*invalid label *', '*must be an integer*'],
    sandbox: ['*unable to parse requirement: *'],
    reason:
      'A label selector that does not parse is refused with the whole selector, without the words of the lexer.',
  },
  {
    steps: all,
    path: 'body.reason',
    real: ['nothing'],
    sandbox: ['"BadRequest"', '"Conflict"'],
    reason:
      'What 1.20 answers as an error of its own (500 without a reason) is answered as what it is, a bad request.',
  },
  {
    steps: all,
    path: 'code',
    real: ['500'],
    sandbox: ['400', '409'],
    reason:
      'What 1.20 answers as an error of its own (500 without a reason) is answered as what it is, a bad request.',
  },
];

/** Who owns what, of updates. What an apply owns is compared without exception. */
const ownership: Allowed[] = [
  {
    steps: all,
    path: '*managedFields.* Update*',
    reason:
      'What an update is said to own follows the newest types (atomic and granular lists and maps) and leaves out zero values; what an apply owns is compared.',
  },
];

/** What is not recorded value by value (recorded.ts). */
export const plain: Allowed[] = [...zero, ...ownership];

export const allowances: Allowed[] = [...newer, ...older, ...plain, ...words, ...gaps, ...extensionGaps];
