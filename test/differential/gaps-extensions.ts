// What the sandbox does otherwise with custom resources and with webhooks; as gaps.ts.

import { type Allowed, gap, of } from './allowed.ts';

export const extensionGaps: Allowed[] = [
  gap(
    "Custom resources: what is wrong is told once, at the index, without the scale accessor's second error.",
    '*',
    of('crds', 'a wrong status'),
  ),
  gap(
    "Custom resources: what is wrong is told once, at the index, without the scale accessor's second error.",
    'body.message',
    of(
      'crds',
      'refused: a text for a number | refused: a fraction for an integer',
      'refused: neither | refused: a list for the spec | scaled below nothing',
      'applied wrongly',
    ),
  ),
  gap(
    'Applies to custom resources own what they set in other words.',
    '*',
    of('crds', 'applied with surplus'),
  ),
  gap(
    'What is wrong with a definition is told in fewer or other words.',
    'body.message',
    of(
      'crds',
      'wrong: no schema | wrong: a reference | wrong: a bad pattern',
      'wrong: an odd kind | wrong: no versions | wrong: no storage version',
      'wrong: two storage versions | wrong: a version twice | wrong: an odd version',
      'wrong: a column without a path | wrong: a column with a bad path',
      'wrong: a scale without paths | wrong: a conversion by no webhook',
      'wrong: an odd name',
    ),
  ),
  gap(
    'Finalizer and conditions of a definition are there from its start, not from its end.',
    '*',
    of(
      'crds',
      'established | definitions as a table | a second version',
      'the second version served no more | a status of a definition | the definition',
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
    'body.message',
    of('admission', 'Mutating: bad-pointer | Mutating: failed-test | MutatingIgnore: bad-pointer'),
  ),
  gap(
    'Webhooks are shown objects without the managedFields of this write, and of their own writes.',
    '*',
    of(
      'admission',
      'asked of a create | asked of a generated name | asked of a put',
      'asked of a patch | asked of no change | asked of an apply',
      'asked of what is there | asked of a dry run | asked of a deployment',
      'asked again | not asked again',
    ),
  ),
  gap(
    "A body of the wrong type is told in the words of Go's decoders, which differ from version to version.",
    'body.message',
    of('crds', 'labels of numbers | metadata that is a text | of no kind'),
  ),
  gap(
    'A custom resource of another version is refused before its fields are looked at, without a warning about them.',
    'header.warning',
    of('crds', 'of another version'),
  ),
  gap(
    'Webhooks are not told the id of the credentials of whoever calls.',
    '*userInfo.extra',
    of('admission', '*'),
  ),
];
