// Money for people. An amount is the whole number that a user wrote. Where a currency is named, the amount is in its
// minor units and is shown with its symbol and digits: 800 of CNY is `¥8.00`. Without one it is shown as it is: `8`.

/** ISO 4217: the currencies in use, by the number of digits after the decimal point. */
const byDigits: Readonly<Record<number, string>> = {
  0: 'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF',
  2:
    'AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW ' +
    'CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF ' +
    'IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK ' +
    'MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP ' +
    'SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD XCG YER ' +
    'ZAR ZMW ZWG',
  3: 'BHD IQD JOD KWD LYD OMR TND',
  4: 'CLF UYW',
};

const digits = new Map<string, number>(
  Object.entries(byDigits).flatMap(([count, codes]) =>
    codes.split(' ').map((code) => [code, Number(count)] as const),
  ),
);

export const currencies: readonly string[] = [...digits.keys()].sort();

const formats = new Map<string, Intl.NumberFormat>();

function formatOf(currency: string, digitCount: number): Intl.NumberFormat {
  let format = formats.get(currency);
  if (!format) {
    format = new Intl.NumberFormat('en', {
      style: 'currency',
      currency,
      currencyDisplay: 'narrowSymbol',
      minimumFractionDigits: digitCount,
      maximumFractionDigits: digitCount,
    });
    formats.set(currency, format);
  }
  return format;
}

/** The amount as all outputs show it. `amount`: whole, not negative. An unknown currency stands after the amount. */
export function moneyText(amount: number, currency?: string): string {
  if (currency === undefined) return String(amount);
  const count = digits.get(currency);
  if (count === undefined) return `${amount} ${currency}`;
  const figures = String(amount).padStart(count + 1, '0');
  const whole = figures.slice(0, figures.length - count);
  // Move the decimal point in the text: a division is not exact for every amount below 2^53.
  const decimal = count === 0 ? whole : `${whole}.${figures.slice(-count)}`;
  return formatOf(currency, count)
    .format(decimal as Intl.StringNumericLiteral)
    .replaceAll('\u00a0', ' ');
}

/** Amounts by currency, as one text: `¥16.00, $5.00`. Those without a currency come first. */
export function sumsText(amounts: Iterable<readonly [currency: string | undefined, amount: number]>): string {
  const sums = new Map<string, number>();
  for (const [currency = '', amount] of amounts) sums.set(currency, (sums.get(currency) ?? 0) + amount);
  if (sums.size === 0) return moneyText(0);
  return [...sums]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([currency, sum]) => moneyText(Math.min(sum, Number.MAX_SAFE_INTEGER), currency || undefined))
    .join(', ');
}
