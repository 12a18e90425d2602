// Functions on the document that the files of the page share. They change only what differs: a write of the same text
// would disturb a selection or a screen reader.

/** @param {string} id @returns {HTMLElement} */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no #${id}`);
  return found;
}

/** @param {Element} parent @param {string} selector @returns {HTMLElement} */
export function within(parent, selector) {
  const found = /** @type {HTMLElement | null} */ (parent.querySelector(selector));
  if (!found) throw new Error(`nothing is ${selector} here`);
  return found;
}

/**
 * Makes an element. `text` becomes text and never markup, because names come from users.
 * @param {string} tag @param {string} [className] @param {string} [text]
 */
export function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

/** @param {Element} element @param {string} text */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** @param {string} id @param {string} text */
export const show = (id, text) => setText(byId(id), text);

/** @param {string} id @param {boolean} isShown */
export function toggle(id, isShown) {
  const element = byId(id);
  if (element.hidden === isShown) element.hidden = !isShown;
}

/**
 * Gives `parent` one element for each row, in order. Keeps and updates the elements of keys that it has already.
 * @template Row
 * @param {HTMLElement} parent
 * @param {readonly Row[]} rows
 * @param {(row: Row) => string} keyOf
 * @param {() => HTMLElement} create
 * @param {(element: HTMLElement, row: Row) => void} update
 */
export function reconcile(parent, rows, keyOf, create, update) {
  /** @type {Map<string, HTMLElement>} */
  const known = new Map();
  for (const child of parent.children) {
    const element = /** @type {HTMLElement} */ (child);
    known.set(element.dataset.key ?? '', element);
  }
  let place = parent.firstElementChild;
  for (const row of rows) {
    const key = keyOf(row);
    let element = known.get(key);
    known.delete(key);
    if (!element) {
      element = create();
      element.dataset.key = key;
    }
    update(element, row);
    if (element === place) place = place.nextElementSibling;
    else parent.insertBefore(element, place);
  }
  for (const element of known.values()) element.remove();
}

/**
 * Sets the width of each part of a bar to its share of `whole`.
 * @param {HTMLElement} bar @param {Record<string, number>} parts @param {number} whole
 */
export function fillBar(bar, parts, whole) {
  for (const [name, value] of Object.entries(parts)) {
    let part = /** @type {HTMLElement | null} */ (bar.querySelector(`.${name}`));
    if (!part) {
      part = make('span', name);
      bar.append(part);
    }
    const share = whole > 0 ? Math.min(1, value / whole) : 0;
    const width = `${(share * 100).toFixed(2)}%`;
    if (part.style.width !== width) part.style.width = width;
  }
}
