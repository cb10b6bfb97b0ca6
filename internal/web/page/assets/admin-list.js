// @ts-check
/** Lists and tables that change while somebody reads them. */

/**
 * Makes a container's children those of the items, in their order. A child stays
 * the same element as long as its item is there, so that the focus and what is
 * selected stay too.
 * @template T
 * @param {Element} container
 * @param {T[]} items
 * @param {(item: T) => string} keyOf
 * @param {(item: T) => HTMLElement} make
 * @param {(e: HTMLElement, item: T) => void} show
 */
export function list(container, items, keyOf, make, show) {
  const known = new Map([...container.children].map((e) => [e.getAttribute('data-key') ?? '', /** @type {HTMLElement} */ (e)]));
  /** @type {Element | null} */
  let at = container.firstElementChild;
  for (const item of items) {
    const key = keyOf(item);
    let e = known.get(key);
    known.delete(key);
    if (!e) {
      e = make(item);
      e.dataset.key = key;
    }
    if (e === at) at = at.nextElementSibling;
    else container.insertBefore(e, at);
    show(e, item);
  }
  for (const e of known.values()) e.remove();
}

/**
 * @param {Element} e
 * @param {string} selector
 */
export const part = (e, selector) => /** @type {HTMLElement} */ (e.querySelector(selector));

/** Whether all words of a search are in what is searched. @param {string} search @param {string[]} texts */
export function fits(search, texts) {
  const text = texts.join(' ').toLowerCase();
  return search.toLowerCase().split(/\s+/).every((word) => text.includes(word));
}

/** A definition list of what there is to say. @param {Element} dl @param {[string, string][]} rows */
export function facts(dl, rows) {
  const said = rows.filter(([, value]) => value !== '');
  dl.replaceChildren(...said.map(([name, value]) => {
    const row = document.createElement('div');
    const dt = document.createElement('dt');
    const dd = document.createElement('dd');
    dt.textContent = name;
    dd.textContent = value;
    dd.dir = 'auto';
    row.append(dt, dd);
    return row;
  }));
}
