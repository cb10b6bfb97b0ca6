// @ts-check
/** How agents, their pairings and moments look, in all parts of the admin page. */
import { say, setIcon } from './dom.js';
import { part } from './admin-list.js';
import { words } from './admin-text.js';
import { isEnding } from './standing.js';

/**
 * @typedef {{tenant: string, extension: string, name: string, email: string, screens: number,
 *   pairing: import('./standing.js').Pairing, last_use?: string, last_failure?: {at: string, problem: string}}} Agent
 * @typedef {'paired' | 'ending' | 'attention' | 'expired' | 'unpaired'} Standing
 */

/** @param {Agent} a */
export const nameOf = (a) => a.name || a.email || a.extension;

/** @param {Agent} a @returns {Standing} */
export const standing = (a) => isEnding(a.pairing) ? 'ending' : a.pairing.state;

const icons = { paired: 'tick', ending: 'clock', attention: 'alert', expired: 'cross', unpaired: 'dash' };

/** @param {HTMLElement} chip @param {Standing} s */
export function showChip(chip, s) {
  chip.dataset.standing = s;
  setIcon(part(chip, '.chip-icon'), icons[s]);
  say(part(chip, '.chip-text'), words.states[s]);
}

/**
 * A moment in few words, and to the second for who looks closer.
 * @param {HTMLElement} e
 * @param {string | null | undefined} at
 * @param {(d: Date) => string} as
 */
export function moment(e, at, as) {
  const text = at ? as(new Date(at)) : words.none;
  if (e.textContent !== text) e.textContent = text;
  e.title = at ? words.exact(new Date(at)) : '';
  e.dataset.none = String(!at);
}
