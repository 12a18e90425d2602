// Holds as they are stored: what was written is read again, and what is not ours holds nothing.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatHolds, type Hold, heldUnits, holdsOf, isHeld, longestText } from '../../../src/api/holds.ts';
import { Random } from '../../simulation/random.ts';

const first = '2026-01-01T00:00:00.000Z';
const second = '2026-01-01T00:00:01.000Z';
const hold = (uid: string, quantity: number, time = first): Hold => ({
  uid,
  order: `o-${uid}`,
  quantity,
  time,
});

describe('holds', () => {
  it('of one moment share a text', () => {
    assert.deepEqual(formatHolds([hold('a', 1), hold('b', 2), hold('c', 3, second)]), [
      `${first} a:1:o-a b:2:o-b`,
      `${second} c:3:o-c`,
    ]);
    assert.deepEqual(formatHolds([]), []);
  });

  it('are read as they were written, however many, in their order', () => {
    for (let seed = 1; seed <= 200; seed++) {
      const random = new Random(seed);
      const holds = Array.from({ length: random.int(0, 300) }, (_, i) =>
        hold(`u${i}`, random.int(1, 1000), random.pick([first, second])),
      );
      const stored = { holds: formatHolds(holds) };
      assert.deepEqual(holdsOf(stored), holds, `seed ${seed}`);
      assert.equal(
        heldUnits(stored),
        holds.reduce((sum, { quantity }) => sum + quantity, 0),
        `seed ${seed}`,
      );
      for (const { uid } of holds) assert.ok(isHeld(stored, uid), `seed ${seed}`);
      assert.equal(isHeld(stored, 'u'), false);
    }
  });

  it('say what they take themselves when their name has the rest', () => {
    const shared = [hold('a', 2), { ...hold('b', 2), own: 0 }, { ...hold('c', 3), own: 1 }];
    assert.deepEqual(formatHolds(shared), [`${first} a:2:o-a b:0/2:o-b c:1/3:o-c`]);
    assert.deepEqual(holdsOf({ holds: formatHolds(shared) }), shared);
    assert.equal(heldUnits({ holds: formatHolds(shared) }), 3);
  });

  it('fit the schema with the longest names there are', () => {
    const uid = '00000000-0000-0000-0000-000000000000';
    const longest = { uid, order: 'x'.repeat(253), quantity: 6_400_000, time: first };
    const texts = formatHolds(Array.from({ length: 4096 }, () => longest));
    assert.equal(texts.length, 64);
    for (const text of texts) assert.ok(text.length <= longestText, `${text.length}`);
  });

  it('that somebody else wrote hold nothing', () => {
    const odd = [
      'a:/2:o',
      'a:2/:o',
      'a:2/2:o',
      'a:-1/2:o',
      'a:1/2/3:o',
      'a:1',
      'a:0:o',
      'a:-1:o',
      'a:1.5:o',
      'a:x:o',
      ':1:o',
      'a:1:',
      'a:1:o:more',
      '',
    ];
    for (const part of odd) assert.deepEqual(holdsOf({ holds: [`${first} ${part}`] }), [], part);
    for (const holds of [undefined, null, 5, 'x', {}, [null], [5], [{ uid: 'a' }]]) {
      assert.deepEqual(holdsOf({ holds }), []);
    }
    assert.deepEqual(holdsOf(undefined), []);
    assert.deepEqual(
      holdsOf({ holds: [`${first} b:2:o a:x:o`] }),
      [hold('b', 2)].map((it) => ({ ...it, order: 'o' })),
    );
  });
});
