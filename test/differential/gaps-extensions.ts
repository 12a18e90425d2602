// What the sandbox does otherwise with custom resources and with webhooks; as gaps.ts.

import { type Allowed, gap, of } from './allowed.ts';

export const extensionGaps: Allowed[] = [
  gap(
    "Custom resources: what is wrong is told once, at the index, without the scale accessor's second error.",
    '*',
    of(
      'crds',
      'refused: no time | refused: no mail | refused: no base64 | refused: a truth for a port',
      'refused: a fraction for a port | refused: a text for a flag | refused: a text in a free map',
      'a wrong status',
    ),
  ),
  gap(
    "Custom resources: what is wrong is told once, at the index, without the scale accessor's second error.",
    'body.message',
    of(
      'crds',
      'refused: a text for a number | refused: a fraction for an integer | refused: too long',
      'refused: too many items | refused: items of a wrong type | refused: a key twice',
      'refused: no key | refused: neither | refused: a list for the spec',
      'scaled below nothing | applied wrongly',
    ),
  ),
  gap(
    'Applies to lists and maps of custom resources go by their keys; 1.20 takes them as one.',
    '*',
    of('crds', 'applied | applied with surplus'),
  ),
  gap(
    'Applies to lists and maps of custom resources go by their keys; 1.20 takes them as one.',
    'code',
    of('crds', 'applied beside it'),
  ),
  gap(
    'Applies to lists and maps of custom resources go by their keys; 1.20 takes them as one.',
    'body.message',
    of('crds', 'applied by another'),
  ),
  gap(
    'What is wrong with a definition is told in fewer or other words.',
    '*',
    of('crds', 'wrong: a default of the wrong type'),
  ),
  gap(
    'What is wrong with a definition is told in fewer or other words.',
    'body.message',
    of(
      'crds',
      'wrong: no schema | wrong: a reference | wrong: a bad pattern | wrong: an odd kind',
      'wrong: no versions | wrong: no storage version | wrong: two storage versions',
      'wrong: a version twice | wrong: an odd version | wrong: a column without a path',
      'wrong: a column with a bad path | wrong: a scale without paths',
      'wrong: a conversion by no webhook | wrong: an odd name',
    ),
  ),
  gap(
    'Finalizer and conditions of a definition are there from its start, not from its end.',
    '*',
    of(
      'crds',
      'established | definitions as a table | a second version | the second version served no more',
      'a status of a definition | the definition',
    ),
  ),
  gap(
    'Finalizer and conditions of a definition are there from its start, not from its end.',
    'body.message',
    of('crds', 'a stored version removed'),
  ),
  gap('A version served no more is answered as an unknown path of a group is.', '*', of('crds', 'not there')),
  gap('Warnings are sent in ASCII.', 'header.warning', of('admission', 'Validating: warn | several at once')),
  gap(
    'Broken JSON patches of webhooks are told in other words, and failurePolicy Ignore covers those that do not parse.',
    '*',
    of('admission', 'what is left'),
  ),
  gap(
    'Broken JSON patches of webhooks are told in other words, and failurePolicy Ignore covers those that do not parse.',
    'code',
    of('admission', 'MutatingIgnore: bad-patch'),
  ),
  gap(
    'Broken JSON patches of webhooks are told in other words, and failurePolicy Ignore covers those that do not parse.',
    'body.message',
    of('admission', 'Mutating: bad-pointer | Mutating: failed-test | MutatingIgnore: bad-pointer'),
  ),
  gap(
    'Webhooks are shown objects without the managedFields of this write, and of their own writes; with what 1.20 does not show yet.',
    '*',
    of(
      'admission',
      'asked of a create | asked of a generated name | asked of a put | asked of a patch',
      'asked of no change | asked of an apply | asked of what is there | asked of a dry run',
      'asked of a deployment | asked again | not asked again',
    ),
  ),
];
