// @ts-check
/** Numbers that can be called: by the PBX, by a tel: link, or not at all. */
import { request } from './api.js';
import { byId, copy, say, setIcon } from './dom.js';
import { text } from './language.js';

/** @typedef {'pbx' | 'tel' | 'off'} Way */

// Nobody means two calls to one number within so short a time.
const TWICE = 2000;
// A phone that has not been picked up by then is not going to be.
const RINGS = 15_000;

/** @type {Way | ''} */
let way = ''; // not known yet
let busy = false;
let timer = 0;

/** Says how numbers are dialled here. @param {Way} now */
export function dialBy(now) {
  if (now === way) return;
  way = now;
  for (const e of document.querySelectorAll('[data-number]')) fill(/** @type {HTMLElement} */ (e));
}

/**
 * Shows a call's number, to be called where that can be done.
 * @param {HTMLElement} e
 * @param {{number: string, display: string}} call
 */
export function showNumber(e, call) {
  e.dataset.number = call.number;
  e.dataset.display = call.display || call.number;
  fill(e);
}

/** Shows words where a number may have been. @param {HTMLElement} e @param {string} words */
export function showWords(e, words) {
  delete e.dataset.number;
  if (e.firstElementChild) e.replaceChildren();
  say(e, words);
}

/** @param {HTMLElement} e */
function fill(e) {
  const { number = '', display = '' } = e.dataset;
  const made = `${way} ${number} ${display}`;
  const there = e.querySelector('.number');
  if (there?.getAttribute('data-made') === made) return; // it may have the focus
  there?.remove();
  if (way === '' || way === 'off' || !/^\+?\d+$/.test(number)) return say(e, display);
  const control = copy(way === 'pbx' ? 'dial-template' : 'tel-template');
  control.dataset.made = made;
  control.setAttribute('aria-label', text.call(display));
  control.title = text.call(display);
  setIcon(/** @type {Element} */ (control.querySelector('.number-icon')), 'call');
  say(control.querySelector('.number-text'), display);
  if (way === 'pbx') control.addEventListener('click', () => dial(number, display));
  else /** @type {HTMLAnchorElement} */ (control).href = `tel:${number}`;
  e.replaceChildren(control);
  e.hidden = false;
}

/** @param {string} number @param {string} display */
async function dial(number, display) {
  if (busy) return;
  busy = true;
  tell('asking', text.dialling(display));
  const answer = await request('POST', '/api/dial', { number });
  if (answer.problem) {
    tell('failed', answer.problem);
  } else {
    tell('ringing', text.phoneRings);
    timer = setTimeout(() => tell('', ''), RINGS);
  }
  setTimeout(() => { busy = false; }, TWICE);
}

/** An outgoing call is on the screen: there is no more to say of dialling. */
export function dialled() {
  if (byId('dialling').dataset.state === 'ringing') tell('', '');
}

/** @param {string} state @param {string} words */
function tell(state, words) {
  clearTimeout(timer);
  byId('dialling').dataset.state = state;
  byId('dialling-close').hidden = state !== 'failed';
  say(byId('dialling-text'), words);
}

document.getElementById('dialling-close')?.addEventListener('click', () => tell('', ''));
