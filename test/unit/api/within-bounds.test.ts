// Every status fits the bounds of its schema, whatever an API server, a pod or a server elsewhere has said.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DataService } from '../../../src/api/data-service.ts';
import type { Kind } from '../../../src/api/define-kind.ts';
import { kinds } from '../../../src/api/kinds.ts';
import { conditions, Type, text } from '../../../src/api/schema.ts';
import { withinBounds } from '../../../src/api/within-bounds.ts';
import { Random } from '../../simulation/random.ts';

const time = '2026-01-01T00:00:00.000Z';

describe('a status within the bounds of its schema', () => {
  it('ends texts that are too long in …, and leaves others as they are', () => {
    const status = withinBounds(DataService.statusSchema, {
      phase: 'Degraded',
      message: 'x'.repeat(5000),
      ready: '0/1',
    });
    assert.deepEqual(status, { phase: 'Degraded', message: `${'x'.repeat(4095)}…`, ready: '0/1' });
  });

  it('counts characters and splits none', () => {
    const schema = text(3, { description: '' });
    assert.equal(withinBounds(schema, '😀😀😀'), '😀😀😀');
    assert.equal(withinBounds(schema, '😀😀😀😀'), '😀😀…');
  });

  it('clamps numbers, and makes whole what must be whole', () => {
    const schema = Type.Object({ n: Type.Integer({ minimum: 0, maximum: 10 }) });
    assert.deepEqual(withinBounds(schema, { n: 11 }), { n: 10 });
    assert.deepEqual(withinBounds(schema, { n: -1 }), { n: 0 });
    assert.deepEqual(withinBounds(schema, { n: 2.4 }), { n: 2 });
    assert.deepEqual(withinBounds(schema, { n: Number.NaN }), { n: 0 });
    assert.deepEqual(withinBounds(schema, { n: Number.POSITIVE_INFINITY }), { n: 10 });
  });

  it('ends lists of texts with how many are left out', () => {
    const schema = Type.Array(text(20, { description: '' }), { maxItems: 3 });
    assert.deepEqual(withinBounds(schema, ['a', 'b', 'c']), ['a', 'b', 'c']);
    assert.deepEqual(withinBounds(schema, ['a', 'b', 'c', 'd', 'e']), ['a', 'b', 'and 3 more']);
  });

  it('leaves out a word that its field does not have, and gives a condition without a reason one', () => {
    assert.deepEqual(withinBounds(DataService.statusSchema, { phase: 'Odd', ready: '1/1' }), {
      ready: '1/1',
    });
    const [condition] = withinBounds(conditions, [
      { type: 'Ready', status: 'False', reason: '', message: 'm', lastTransitionTime: time },
    ]) as { reason: string }[];
    assert.equal(condition?.reason, 'Unknown');
  });

  it('returns the same object where everything fits', () => {
    const status = { phase: 'Ready', components: [{ name: 'mysql', state: 'Ready', ready: 1, wanted: 1 }] };
    assert.equal(withinBounds(DataService.statusSchema, status), status);
  });

  for (const kind of kinds) {
    it(`makes any status of a ${kind.kind} one that its schema takes`, () => {
      const random = new Random(kind.plural.length);
      for (let round = 0; round < 40; round++) {
        const status = withinBounds(kind.statusSchema, oversized(kind.statusSchema, random));
        assert.equal(kind.validateStatus({ status })?.message, undefined);
      }
    });
  }
});

/** A value of the schema's shape that now and then is beyond one of its bounds. */
function oversized(schema: Kind['statusSchema'], random: Random): unknown {
  const bounds = schema as Record<string, never>;
  if (bounds.enum) return random.pick(bounds.enum as unknown[]);
  if (bounds.type === 'string') {
    if (bounds.format === 'date-time') return time;
    return random
      .pick(['', 'x', '😀', 'y'])
      .repeat(random.int(0, 1) * random.int(0, (bounds.maxLength ?? 9) + 9));
  }
  if (bounds.type === 'integer') return random.pick([-1, 0, 7, 0.5, Number.NaN, 2 ** 60]);
  if (bounds.type === 'boolean') return random.chance(0.5);
  if (bounds.type === 'array') {
    const count = random.chance(0.05) ? (bounds.maxItems ?? 9) + 2 : random.int(0, 3);
    return Array.from({ length: count }, () => oversized(bounds.items!, random));
  }
  const properties = Object.entries((bounds.properties ?? {}) as Record<string, Kind['statusSchema']>);
  const required = (bounds.required ?? []) as string[];
  const present = properties.filter(([name]) => required.includes(name) || random.chance(0.7));
  return Object.fromEntries(present.map(([name, it]) => [name, oversized(it, random)]));
}
