// What `spikegate prove` prints. Pure.
import type { Account, Contradiction, Place, Proof } from './account.ts';

const places: readonly Place[] = ['paid', 'unpaid', 'held', 'in a lot', 'left'];

/** One line for one goods: the sum that makes up its stock. */
export function headline({ goods, stockCount, lines }: Account): string {
  const parts = places.flatMap((place) => {
    const units = lines.filter((line) => line.place === place).reduce((sum, line) => sum + line.units, 0);
    return units === 0 && place !== 'left' ? [] : [`${units} ${place}`];
  });
  return `${goods}: ${stockCount} units = ${parts.join(' + ')}`;
}

/** Where each unit is, order by order. */
function details({ lines }: Account): string[] {
  const width = Math.max(...lines.map(({ units }) => String(units).length));
  return lines.map(({ place, units, whose }) =>
    `  ${place.padEnd(8)}  ${String(units).padStart(width)}  ${whose}`.trimEnd(),
  );
}

export function asText(proof: Proof, { isShort }: { isShort: boolean }): string {
  const [first] = proof.contradictions;
  const text = proof.accounts.flatMap((account) => [headline(account), ...(isShort ? [] : details(account))]);
  const orders = new Set(
    proof.accounts.flatMap(({ goods, lines }) =>
      lines.flatMap(({ place, whose }) =>
        place === 'paid' || place === 'unpaid' ? [`${goods.split('/')[0]}/${whose}`] : [],
      ),
    ),
  );
  const verdict = first
    ? contradictionText(first)
    : `proved: every unit of ${proof.accounts.length} goods is accounted for; ${orders.size} orders have their units`;
  return [...text, ...(text.length > 0 ? [''] : []), verdict].join('\n');
}

const contradictionText = ({ reason, where, message }: Contradiction): string =>
  `contradiction: ${reason}  ${where}\n  ${message}`;

export const asJson = ({ accounts, contradictions }: Proof): string =>
  JSON.stringify(
    { proved: contradictions.length === 0, contradiction: contradictions[0], accounts },
    undefined,
    2,
  );
