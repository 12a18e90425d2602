// The rules of rotation, one by one, on states made by hand: what is asked for next, and why.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type Authority,
  checkSettings,
  type Leaf,
  nextStep,
  publicationUndone,
  type RotationSettings,
  type RotationState,
} from '../../../certs/rotation.ts';

const settings: RotationSettings = {
  names: ['shop'],
  authorityLifetime: 9000_000,
  leafLifetime: 900_000,
  overlap: 600_000,
};

/** Times in seconds, for reading. */
function authority(name: string, from: number, to: number, more: Partial<Authority> = {}): Authority {
  const life = { notBefore: from * 1000, notAfter: to * 1000, publishedAt: from * 1000 + 1 };
  return { cert: name, key: `${name}'s key`, fingerprint: name, ...life, ...more };
}

function leaf(by: string, from: number, to: number, names = ['shop']): Leaf {
  const pair = {
    cert: 'leaf',
    key: 'key',
    serial: '1',
    notBefore: new Date(from * 1000),
    notAfter: new Date(to * 1000),
  };
  return { pair, names, authority: by };
}

function asked(state: RotationState, seconds: number, more: Partial<RotationSettings> = {}): string {
  const step = nextStep(state, { ...settings, ...more }, seconds * 1000);
  if (!step) return 'nothing';
  return step.do === 'issue-leaf' ? `${step.reason} by ${step.authority.fingerprint}` : step.reason;
}

describe('the policy of rotation', () => {
  const first = authority('first', 0, 9000);
  const second = authority('second', 6000, 15000);
  const unpublished = { publishedAt: undefined };

  it('begins with a CA, publishes it, and only then issues a leaf', () => {
    assert.equal(asked({ authorities: [] }, 0), 'AuthorityMissing');
    assert.equal(asked({ authorities: [{ ...first, ...unpublished }] }, 0), 'AuthorityUnpublished');
    assert.equal(asked({ authorities: [first] }, 1), 'LeafMissing by first');
    assert.equal(asked({ authorities: [first], leaf: leaf('first', 0, 900) }, 1), 'nothing');
  });

  it('renews a leaf at two thirds of its life', () => {
    const state = { authorities: [first], leaf: leaf('first', 0, 900) };
    assert.equal(asked(state, 599.999), 'nothing');
    assert.equal(asked(state, 600), 'LeafAging by first');
    assert.equal(asked(state, 900), 'LeafMissing by first');
  });

  it('adds the next CA at two thirds of the life of the newest', () => {
    const state = { authorities: [first], leaf: leaf('first', 5500, 6400) };
    assert.equal(asked(state, 5999.999), 'nothing');
    assert.equal(asked(state, 6000), 'AuthorityAging');
    assert.equal(asked({ ...state, authorities: [first, second] }, 6000.5), 'nothing');
  });

  it('publishes a new CA at once, lets the overlap pass, and then changes the leaf', () => {
    const old = leaf('first', 5900, 6800);
    const pending = { ...second, ...unpublished };
    assert.equal(asked({ authorities: [first, pending], leaf: old }, 6000), 'AuthorityUnpublished');
    const published = { ...second, publishedAt: 6_010_000 };
    assert.equal(asked({ authorities: [first, published], leaf: old }, 6300), 'nothing');
    assert.equal(asked({ authorities: [first, published], leaf: old }, 6500), 'LeafAging by first');
    const renewed = leaf('first', 6500, 7400);
    assert.equal(asked({ authorities: [first, published], leaf: renewed }, 6609.999), 'nothing');
    assert.equal(
      asked({ authorities: [first, published], leaf: renewed }, 6610),
      'LeafOfOldAuthority by second',
    );
    assert.equal(
      asked({ authorities: [first, published], leaf: leaf('second', 6610, 7510) }, 6611),
      'nothing',
    );
  });

  it('drops a CA five minutes after it expired, no sooner', () => {
    const state = { authorities: [first, second], leaf: leaf('second', 8900, 9800) };
    assert.equal(asked(state, 9299), 'nothing');
    const step = nextStep(state, settings, 9_300_000);
    assert.ok(step?.do === 'drop-authorities');
    assert.deepEqual(step.keep, [second]);
  });

  it('replaces a leaf that begins in the future, is by nobody known, or lacks a name', () => {
    assert.equal(asked({ authorities: [first], leaf: leaf('first', 50, 900) }, 40), 'LeafMissing by first');
    assert.equal(asked({ authorities: [first], leaf: leaf('other', 0, 900) }, 40), 'LeafMissing by first');
    const state = { authorities: [first], leaf: leaf('first', 0, 900, ['market', 'shop']) };
    assert.equal(asked(state, 40), 'nothing');
    const step = nextStep(state, { ...settings, names: ['shop', 'store'] }, 40_000);
    assert.ok(step?.do === 'issue-leaf' && step.reason === 'LeafLacksNames');
    assert.deepEqual(step.names, ['shop', 'store', 'market']);
  });

  it('starts a new CA when the key of the old one is lost, and keeps the leaf meanwhile', () => {
    const keyless = { ...first, key: undefined };
    assert.equal(asked({ authorities: [keyless], leaf: leaf('first', 0, 900) }, 1), 'AuthorityMissing');
    const young = authority('young', 1, 9001, { publishedAt: 2000 });
    const state = { authorities: [keyless, young], leaf: leaf('first', 0, 1200) };
    assert.equal(asked(state, 3), 'nothing');
    assert.equal(asked(state, 602), 'LeafOfOldAuthority by young');
  });

  it('does not wait for the overlap when the leaf is about to end, or is gone', () => {
    const keyless = { ...first, key: undefined };
    const young = authority('young', 700, 9700, { publishedAt: 700_000 });
    const ending = { authorities: [keyless, young], leaf: leaf('first', 0, 900) };
    assert.equal(asked(ending, 809), 'nothing');
    assert.equal(asked(ending, 810), 'LeafOfOldAuthority by young');
    assert.equal(asked({ authorities: [keyless, young] }, 701), 'LeafMissing by young');
  });

  it('prefers the CA everybody knows when a leaf is lost during an overlap', () => {
    const young = authority('young', 6000, 15000, { publishedAt: 6_000_000 });
    assert.equal(asked({ authorities: [first, young] }, 6001), 'LeafMissing by first');
  });

  it('does not renew a leaf that already ends with its CA', () => {
    // The next CA is still in its overlap; renewing would give the same end, at every check.
    const late = authority('late', 8700, 17700, { publishedAt: 8_700_000 });
    const capped = { authorities: [first, late], leaf: leaf('first', 8200, 9000) };
    assert.equal(asked(capped, 8800), 'nothing');
    assert.equal(asked(capped, 8950), 'LeafOfOldAuthority by late');
  });

  it('begins the overlap again for a CA that waits, not for one at work, and not at every turn', () => {
    const waiting = { ...second, publishedAt: 6_000_000 };
    const state = { authorities: [first, waiting], leaf: leaf('first', 5900, 6800) };
    assert.equal(publicationUndone(state, settings, 6_150_000), undefined);
    const again = publicationUndone(state, settings, 6_150_001);
    assert.deepEqual(again?.authorities, [first, { ...waiting, publishedAt: 6_150_001 }]);
    const changed = { authorities: [first, waiting], leaf: leaf('second', 6600, 7500) };
    assert.equal(publicationUndone(changed, settings, 7_000_000), undefined);
  });

  it('refuses lifetimes that cannot work together', () => {
    const check = (more: Partial<RotationSettings>) => () => checkSettings({ ...settings, ...more });
    assert.doesNotThrow(check({}));
    assert.throws(check({ overlap: 1_500_001 }), /overlap must be at most a sixth of authorityLifetime/);
    assert.throws(check({ authorityLifetime: 800_000 }), /authorityLifetime must be at least leafLifetime/);
    assert.throws(check({ leafLifetime: 10 }), /leafLifetime must be at least 5000 ms, got 10/);
    assert.throws(check({ names: [] }), /must have at least one name/);
  });
});
