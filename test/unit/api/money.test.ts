// Money as people see it: what was written, with the symbol and the digits of its currency where one is named.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { currencies, moneyText, sumsText } from '../../../src/api/money.ts';

describe('an amount', () => {
  it('without a currency is what was written', () => {
    assert.deepEqual(
      [0, 8, 16, 599_900].map((amount) => moneyText(amount)),
      ['0', '8', '16', '599900'],
    );
  });

  it('in a currency has its symbol and its digits', () => {
    const cases: [number, string, string][] = [
      [800, 'CNY', '¥8.00'],
      [8, 'CNY', '¥0.08'],
      [599_900, 'EUR', '€5,999.00'],
      [800, 'JPY', '¥800'],
      [8, 'KWD', 'KWD 0.008'],
      [12_345, 'CLF', 'CLF 1.2345'],
      [Number.MAX_SAFE_INTEGER, 'USD', '$90,071,992,547,409.91'],
    ];
    for (const [amount, currency, text] of cases) assert.equal(moneyText(amount, currency), text);
  });

  it('in a currency that nobody knows keeps its code', () => {
    assert.equal(moneyText(800, 'XQQ'), '800 XQQ');
    assert.equal(moneyText(800, '__proto__'), '800 __proto__');
  });
});

it('sums are by currency', () => {
  assert.equal(sumsText([]), '0');
  assert.equal(
    sumsText([
      [undefined, 8],
      [undefined, 16],
    ]),
    '24',
  );
  assert.equal(
    sumsText([
      ['USD', 500],
      ['CNY', 800],
      ['CNY', 800],
      [undefined, 3],
    ]),
    '3, ¥16.00, $5.00',
  );
});

it('currencies are codes of three letters, each one once', () => {
  assert.ok(currencies.length > 150);
  assert.equal(new Set(currencies).size, currencies.length);
  for (const currency of currencies) assert.match(currency, /^[A-Z]{3}$/);
});
