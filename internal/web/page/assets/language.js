// @ts-check
/**
 * The page's words, in the language of whoever reads it. They stand in one
 * module for each language, messages.en.js and its like, all of one shape; a
 * browser loads the one it needs. A new sentence goes into all of them: tests
 * and the type check say where one is missing.
 */
import { apart, direction, language } from './locale.js';

/** @typedef {typeof import('./messages.en.js').text} Text */

/** @type {{text: Text, served: Record<string, string>}} */
const messages = await import(`./messages.${language}.js`);

export const text = messages.text;

/**
 * What the server says, as a pattern, and how that is said here. In some
 * sentences there is a word of its own, written %s.
 */
const served = Object.entries(messages.served).map(([s, here]) =>
  /** @type {const} */ ([new RegExp(`^${s.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace('%s', '(.{1,254}?)')}`), here]));

// What smokepop has said and there is no translation of.
const untranslated = new Set();

/**
 * A sentence of the server's, which speaks English, in the page's language. It
 * may be several sentences that are each known. One that is not known stays
 * as it is, and is marked as English where it is shown.
 * @param {string} sentence
 */
export function translate(sentence) {
  if (language === 'en') return sentence;
  const found = [];
  for (let rest = sentence; rest;) {
    const known = served.find(([s]) => s.exec(rest));
    const [all, about = ''] = known?.[0].exec(rest) ?? [];
    if (!known || all === undefined) {
      untranslated.add(sentence);
      return sentence;
    }
    found.push(known[1].replace('%s', () => apart(about)));
    rest = rest.slice(all.length).trimStart();
  }
  return found.join(' ');
}

/** Marks words of the server's that are not of the page's language. @param {HTMLElement} e @param {string} words */
export function mark(e, words) {
  if (untranslated.has(words)) {
    e.lang = 'en';
    e.dir = 'ltr';
    e.dataset.untranslated = '';
  } else if ('untranslated' in e.dataset) {
    e.removeAttribute('lang');
    e.removeAttribute('dir');
    delete e.dataset.untranslated;
  }
}

/** Puts words into the document's elements that name them. */
export function fill() {
  for (const e of document.querySelectorAll('[data-text]')) {
    const words = text[/** @type {keyof Text} */ (e.getAttribute('data-text'))];
    if (typeof words === 'string') e.textContent = words;
  }
}

document.documentElement.lang = language;
document.documentElement.dir = direction;
