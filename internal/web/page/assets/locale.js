// @ts-check
/**
 * Which language the page speaks, and how numbers and dates are written in it.
 * The language is the first of the browser's that there is a message file of;
 * the region, which decides how a date or a number looks, is the browser's own.
 * A document may be of one language only, which its data-language names.
 */

/** The languages there is a file of: messages.LANGUAGE.js. */
const LANGUAGES = ['en', 'es', 'de', 'ar'];

/** @param {string} tag */
function parsed(tag) {
  try {
    return new Intl.Locale(tag);
  } catch {
    return null; // what a browser says of itself may be anything
  }
}

function choose() {
  const wanted = navigator.languages.map(parsed).filter((l) => l !== null);
  const only = document.documentElement.dataset.language;
  const ours = wanted.find((l) => only ? l.language === only : LANGUAGES.includes(l.language));
  if (ours) return ours;
  // English words, with days and hours in the order people here are used to.
  const region = wanted[0]?.maximize().region;
  return new Intl.Locale('en', region ? { region } : {});
}

const chosen = choose();
export const locale = chosen.toString();
export const language = chosen.language;
/** @type {'ltr' | 'rtl'} */
export const direction = language === 'ar' ? 'rtl' : 'ltr';

const numbers = new Intl.NumberFormat(locale);
const rules = new Intl.PluralRules(locale);
const dayMonth = new Intl.DateTimeFormat(locale, { day: 'numeric', month: 'long' });
const dayMonthYear = new Intl.DateTimeFormat(locale, { day: 'numeric', month: 'long', year: 'numeric' });
const hour = new Intl.DateTimeFormat(locale, { hour: 'numeric', minute: '2-digit' });
const weekdayHour = new Intl.DateTimeFormat(locale, { weekday: 'short', hour: 'numeric', minute: '2-digit' });
const relative = new Intl.RelativeTimeFormat(locale, { numeric: 'auto' });

/** @param {number} n */
export const number = (n) => numbers.format(n);

/**
 * The form of words that goes with a number, with the number at its "#".
 * @param {number} n
 * @param {Partial<Record<Intl.LDMLPluralRule, string>> & {other: string}} forms
 */
export const plural = (n, forms) => (forms[rules.select(n)] ?? forms.other).replace('#', number(n));

/** @param {Date} d */
export const isToday = (d) => d.toDateString() === new Date().toDateString();

/** "24 December"; of another year with it. @param {Date} d */
export const day = (d) => (d.getFullYear() === new Date().getFullYear() ? dayMonth : dayMonthYear).format(d);

/** @param {Date} d */
export const time = (d) => hour.format(d);

/** The time; of another day with the day of the week. @param {Date} d */
export const dayTime = (d) => (isToday(d) ? hour : weekdayHour).format(d);

/** "today", "tomorrow", "in 4 days": by the midnights between. @param {Date} d */
export function inDays(d) {
  const midnight = (/** @type {Date} */ at) => Date.UTC(at.getFullYear(), at.getMonth(), at.getDate());
  return relative.format(Math.max(0, Math.round((midnight(d) - midnight(new Date())) / 86_400_000)), 'day');
}

const RTL = /[\p{Script=Arabic}\p{Script=Hebrew}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}]/u;

/**
 * A name within a sentence that is written the other way: set apart, so that
 * neither turns the other's punctuation around. In a sentence of its own
 * direction it is left as it is.
 * @param {string} name
 */
export const apart = (name) => (name && (direction === 'rtl' || RTL.test(name)) ? `\u2068${name}\u2069` : name);

/** A telephone number or an address, which is read from left to right everywhere. @param {string} s */
export const ltr = (s) => (s && direction === 'rtl' ? `\u2066${s}\u2069` : s);
