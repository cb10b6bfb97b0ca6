// @ts-check
import { mark } from './language.js';

/**
 * @param {string} id
 * @returns {HTMLElement}
 */
export function byId(id) {
  const e = document.getElementById(id);
  if (!e) throw new Error(`no element #${id}`);
  return e;
}

/**
 * A copy of what is in a template.
 * @param {string} id
 * @returns {HTMLElement}
 */
export function copy(id) {
  const t = /** @type {HTMLTemplateElement} */ (byId(id));
  return /** @type {HTMLElement} */ (/** @type {Element} */ (t.content.firstElementChild).cloneNode(true));
}

/**
 * @param {Element} e
 * @param {string} name
 */
export function setIcon(e, name) {
  if (e.getAttribute('data-icon') === name) return;
  e.setAttribute('data-icon', name);
  e.replaceChildren(copy(`icon-${name}`));
}

/**
 * Sets words and hides an element that has none, but never one that a screen
 * reader listens to. An element whose words stay is not touched: it would be
 * read out again.
 * @param {Element | null} e
 * @param {string} words
 */
export function say(e, words) {
  if (!(e instanceof HTMLElement)) return;
  if (e.textContent !== words) e.textContent = words;
  mark(e, words);
  e.hidden = words === '' && e.getAttribute('role') !== 'status';
}

/**
 * Points a link at a record, or hides it: only web addresses are links.
 * @param {HTMLAnchorElement} a
 * @param {string} url
 */
export function link(a, url) {
  a.hidden = !URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol);
  if (a.hidden) a.removeAttribute('href');
  else if (a.getAttribute('href') !== url) a.href = url;
}
