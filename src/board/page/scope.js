// The choice of a namespace and a seller. It is part of the page's address, so that people can keep it and share it.
/** @import { Places } from '../wire.ts' */
import { byId, make } from './dom.js';

const names = /** @type {const} */ (['namespace', 'seller']);

/** @param {string} name */
const select = (name) => /** @type {HTMLSelectElement} */ (byId(name));

const currentQuery = () => new URLSearchParams(location.search);

/** @param {() => void} onChange */
export function followScope(onChange) {
  for (const name of names) {
    select(name).addEventListener('change', () => {
      const query = currentQuery();
      const { value } = select(name);
      if (value === '') query.delete(name);
      else query.set(name, value);
      // A seller belongs to one namespace, so another namespace needs another choice.
      if (name === 'namespace') query.delete('seller');
      const text = query.toString();
      history.replaceState(null, '', text === '' ? location.pathname : `${location.pathname}?${text}`);
      onChange();
    });
  }
  showPlaces({ namespaces: [], sellers: [] });
}

/** @param {Places} places */
export function showPlaces({ namespaces, sellers }) {
  offer(select('namespace'), namespaces, currentQuery().get('namespace') ?? '');
  offer(select('seller'), sellers, currentQuery().get('seller') ?? '');
}

/**
 * Fills a select. The chosen value stays in the list even when it has no goods.
 * @param {HTMLSelectElement} element @param {readonly string[]} values @param {string} value
 */
function offer(element, values, value) {
  const wanted = ['', ...new Set(value === '' ? values : [...values, value])];
  const options = [...element.options].map((option) => option.value);
  if (wanted.join('\n') !== options.join('\n')) {
    element.replaceChildren(
      ...wanted.map((text) => {
        const option = /** @type {HTMLOptionElement} */ (
          make('option', undefined, text === '' ? 'all' : text)
        );
        option.value = text;
        return option;
      }),
    );
  }
  if (element.value !== value) element.value = value;
}
