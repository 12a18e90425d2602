// The differences that stay, by why they do. docs/sandbox.md shows this table.

import type { Allowed } from './allowed.ts';
import { gaps } from './gaps.ts';
import { extensionGaps } from './gaps-extensions.ts';

const all = ['*'];
const empty = ['null', '0', '""', '{}', '[]', 'false'];

/** What the sandbox has none of, or does in its own way, wherever it shows. */
const own: Allowed[] = [
  {
    steps: ['errors/a double slash'],
    path: '*',
    sandbox: ['"404 page not found\\n"', '"text/plain; charset=utf-8"'],
    reason: 'A path with two slashes is answered as an unknown one, in plain text.',
  },
  {
    steps: ['admission/*'],
    path: 'body.message',
    sandbox: ['*failed to call webhook: *', '*received invalid webhook response: *'],
    reason: 'Errors of webhooks name what failed, the call or the response, in words of Node.',
  },
  {
    steps: ['admission/asked of *'],
    path: '*.options.*',
    reason: 'Which options of a write a webhook is shown.',
  },
  {
    steps: all,
    path: '*.volumes',
    real: ['*kube-api-access-*'],
    reason: 'The sandbox runs no container, so it mounts no token into one.',
  },
  {
    steps: all,
    path: '*.volumeMounts',
    real: ['*kube-api-access-*'],
    reason: 'The sandbox runs no container, so it mounts no token into one.',
  },
  {
    steps: ['discovery/*'],
    path: 'body.groups.*',
    reason: 'Groups and versions that the sandbox does not serve.',
  },
  {
    steps: ['discovery/*'],
    path: "body.resources.'*'",
    reason: 'Kinds and subresources that the sandbox does not serve.',
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
    sandbox: ['*json parse error*', '*error decoding YAML: *', '*error decoding patch: *'],
    reason: 'What is wrong with JSON or YAML is said in the words of the parser.',
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
    sandbox: ['"BadRequest"', '"Conflict"', '"Invalid"'],
    reason:
      'What the API server answers as an error of its own (500 without a reason) is answered as what it is, a bad or invalid request.',
  },
  {
    steps: all,
    path: 'code',
    real: ['500'],
    sandbox: ['400', '409', '422'],
    reason:
      'What the API server answers as an error of its own (500 without a reason) is answered as what it is, a bad or invalid request.',
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

export const allowances: Allowed[] = [...own, ...plain, ...words, ...gaps, ...extensionGaps];
