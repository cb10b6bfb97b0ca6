// @ts-check
import { showNumber } from './dial.js';
import { copy, link, say, setIcon } from './dom.js';
import { text } from './language.js';
import { nameOf } from './pops.js';

/** @typedef {import('./pops.js').Pop & {ended: string, reason: string, answered_by: string, outcome: string}} EndedPop */

const MOST = 50;

/** The calls that are over, latest first. */
export class Recent {
  /**
   * @param {HTMLElement} list
   * @param {HTMLElement} empty
   */
  constructor(list, empty) {
    this.list = list;
    this.empty = empty;
  }

  /** @param {EndedPop[]} pops */
  replace(pops) {
    const latest = [...pops].sort((a, b) => Date.parse(b.ended) - Date.parse(a.ended)).slice(0, MOST);
    this.list.replaceChildren(...latest.map(row));
    this.empty.hidden = latest.length > 0;
  }

  /** @param {EndedPop} pop */
  add(pop) {
    this.list.prepend(row(pop));
    while (this.list.children.length > MOST) this.list.lastElementChild?.remove();
    this.empty.hidden = true;
  }
}

/** @param {EndedPop} p */
function outcome(p) {
  if (p.reason === 'answered-elsewhere' || p.reason === 'dismissed') return p.reason;
  if (p.call.state !== 'ringing') return 'answered';
  return p.call.direction === 'outbound' ? 'no-answer' : 'missed';
}

/** @param {EndedPop} p */
function row(p) {
  const e = copy('recent-template');
  const how = outcome(p);
  e.setAttribute('data-pop-id', p.id);
  e.setAttribute('data-outcome', how);
  e.setAttribute('data-lookup', p.outcome);
  setIcon(/** @type {Element} */ (e.querySelector('.recent-icon')), how === 'missed' ? 'missed' : p.call.direction === 'outbound' ? 'outbound' : 'inbound');

  const name = /** @type {HTMLElement} */ (e.querySelector('.recent-name'));
  const number = /** @type {HTMLElement} */ (e.querySelector('.recent-number'));
  const url = p.contacts[0]?.url ?? '';
  const a = document.createElement('a');
  link(a, url);
  if (!p.contacts[0]?.name) {
    showNumber(name, p.call);
  } else if (a.hidden) {
    name.textContent = nameOf(p);
  } else {
    a.target = '_blank';
    a.rel = 'noopener noreferrer';
    a.textContent = nameOf(p);
    name.append(a);
  }
  const words = how === 'answered-elsewhere' ? text.answeredBy(p.answered_by) : text.outcomes[how];
  say(e.querySelector('.recent-direction'), text.direction(p.call.direction));
  say(e.querySelector('.recent-how'), words);
  // Without a contact the number is the name, and there is a reason to tell.
  if (p.contacts[0]?.name) showNumber(number, p.call);
  else say(number, text.lookups[p.outcome] ?? '');

  const when = new Date(p.ended);
  const time = /** @type {HTMLTimeElement} */ (e.querySelector('time'));
  time.dateTime = p.ended;
  say(time, Number.isNaN(when.getTime()) ? '' : text.when(when));
  return e;
}
