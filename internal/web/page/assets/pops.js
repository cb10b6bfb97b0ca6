// @ts-check
import { now } from './clock.js';
import { showNumber, showWords } from './dial.js';
import { copy, link, say, setIcon } from './dom.js';
import { text } from './language.js';

/**
 * @typedef {{id: string, number: string, title: string, status: string, url: string}} Matter
 * @typedef {{id: string, name: string, kind: string, company: string, email: string, matched: string, url: string, matters: Matter[]}} Contact
 * @typedef {{id: string, direction: string, state: string, number: string, display: string, queue: string, started: string}} Call
 * @typedef {{id: string, call: Call, contacts: Contact[], more: number, links?: {search: string, create: string}, pending?: boolean}} Pop
 * @typedef {{pop: Pop, element: HTMLElement, contacts: string, fold: number, opened: boolean}} Card
 */

// An ended call stays this long: whoever is about to click still can.
const FOLD_AFTER = 5000;
// Pops that are over stay over, the last so many: a machine of several that fails
// takes with it what it has heard last, and the next one shows the call again.
const OVER_MOST = 500;
// So many further matches are shown at once; the rest on demand.
const FEW = 3;

/** The live calls. Cards keep their place: nothing jumps under a pointer. */
export class Pops {
  /**
   * @param {HTMLElement} list
   * @param {(id: string) => void} dismiss
   * @param {(id: string) => boolean} opened tells smokepop; false when it could not
   * @param {() => void} changed
   */
  constructor(list, dismiss, opened, changed) {
    this.list = list;
    this.dismiss = dismiss;
    this.opened = opened;
    this.changed = changed;
    /** @type {Map<string, Card>} */
    this.cards = new Map();
    /** @type {Set<string>} the pops that are over, the oldest first */
    this.over = new Set();
    setInterval(() => this.tick(), 1000);
  }

  /** The pops that are live, oldest first. @returns {Pop[]} */
  live() {
    return [...this.cards.values()].filter((c) => !c.fold).map((c) => c.pop);
  }

  /** The state of a live pop's call. @param {string} id */
  stateOf(id) {
    const card = this.cards.get(id);
    return card && !card.fold ? card.pop.call.state : '';
  }

  /** The live card on top whose contact can be opened: what rings stands first, as in the style sheet. */
  first() {
    const cards = [...this.cards.values()].filter((c) => !c.fold && c.element.querySelector('.pop-open[href]'));
    return cards.find((c) => c.pop.call.state === 'ringing') ?? cards[0];
  }

  /** Marks the card that Enter opens, and no other. */
  mark() {
    const first = this.first();
    for (const card of this.cards.values()) {
      card.element.toggleAttribute('data-enter', card === first);
      const open = card.element.querySelector('.pop-open');
      if (card === first) open?.setAttribute('aria-keyshortcuts', 'Enter');
      else open?.removeAttribute('aria-keyshortcuts');
    }
  }

  /** Opens what the mark stands at, as a press on its button does. */
  openFirst() {
    /** @type {HTMLElement | null | undefined} */ (this.first()?.element.querySelector('.pop-open'))?.click();
  }

  /** Takes the focus to a card, for somebody who has asked for it. @param {string} id */
  focus(id) {
    const card = this.cards.get(id)?.element;
    card?.scrollIntoView({ block: 'nearest' });
    const best = card?.querySelector('.pop-open[href]') ?? card?.querySelector('.pop-links a[href]') ?? card?.querySelector('.pop-dismiss');
    if (best instanceof HTMLElement) best.focus();
  }

  /**
   * What there is now, after a reconnect. Returns the pops that are new here.
   * @param {Pop[]} pops
   */
  replace(pops) {
    pops = pops.filter((p) => !this.over.has(p.id));
    const there = new Set(pops.map((p) => p.id));
    for (const id of [...this.cards.keys()]) if (!there.has(id)) this.remove(id);
    const fresh = pops.filter((p) => !this.cards.has(p.id));
    for (const p of pops) this.put(p);
    this.changed();
    return fresh;
  }

  /** Shows a pop, or its newer state; false for one that is over. @param {Pop} pop */
  put(pop) {
    if (this.over.has(pop.id)) return false;
    let card = this.cards.get(pop.id);
    if (!card) {
      card = { pop, element: copy('pop-template'), contacts: '', fold: 0, opened: false };
      card.element.setAttribute('data-pop-id', pop.id);
      card.element.querySelector('.pop-dismiss')?.addEventListener('click', () => this.dismiss(pop.id));
      const made = card;
      for (const press of ['click', 'auxclick']) card.element.addEventListener(press, (e) => this.open(made, e));
      this.cards.set(pop.id, card);
      this.list.append(card.element);
    }
    clearTimeout(card.fold);
    card.fold = 0;
    // After a restart smokepop finds the contacts again; until then ours hold.
    card.pop = pop.pending ? { ...card.pop, pending: !card.pop.contacts.length, call: pop.call } : pop;
    render(card);
    this.tick();
    this.changed();
    return true;
  }

  /**
   * Whoever presses a card looks closer at it: worth its matters. Said once.
   * @param {Card} card @param {Event} e
   */
  open(card, e) {
    const away = e.target instanceof Element && e.target.closest('.pop-dismiss');
    if (away || card.opened || card.fold || !card.pop.contacts.length) return;
    card.opened = this.opened(card.pop.id);
  }

  /**
   * Ends a pop and returns it, if it was live.
   * @param {string} id
   * @param {string} reason
   * @param {string} answeredBy
   * @returns {Pop | undefined}
   */
  end(id, reason, answeredBy) {
    const card = this.cards.get(id);
    if (!card || card.fold) return undefined;
    this.over.add(id);
    for (const oldest of this.over) if (this.over.size > OVER_MOST) this.over.delete(oldest);
    if (reason === 'dismissed') {
      this.remove(id);
    } else {
      const state = card.element.querySelector('.pop-state-text');
      const elsewhere = reason === 'answered-elsewhere';
      card.element.setAttribute('data-state', 'ended');
      card.element.setAttribute('data-reason', reason);
      say(state, elsewhere ? text.answeredBy(answeredBy) : text.state('', 'ended'));
      setIcon(/** @type {Element} */ (card.element.querySelector('.pop-state-icon')), elsewhere ? 'elsewhere' : 'ended');
      card.fold = setTimeout(() => this.remove(id), FOLD_AFTER);
    }
    this.changed();
    return card.pop;
  }

  /** @param {string} id */
  remove(id) {
    const card = this.cards.get(id);
    clearTimeout(card?.fold);
    card?.element.remove();
    this.cards.delete(id);
    this.changed();
  }

  tick() {
    for (const { pop, element, fold } of this.cards.values()) {
      if (fold) continue;
      const timer = element.querySelector('.pop-timer');
      const started = Date.parse(pop.call.started);
      say(timer, Number.isNaN(started) ? '' : clock(now() - started));
    }
  }
}

/** @param {number} ms */
function clock(ms) {
  const s = Math.max(0, Math.floor(ms / 1000));
  const two = (/** @type {number} */ n) => String(n).padStart(2, '0');
  const h = Math.floor(s / 3600);
  return h ? `${h}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}` : `${Math.floor(s / 60)}:${two(s % 60)}`;
}

/** How a pop is called: its best match, or the number. @param {Pop} pop */
export function nameOf(pop) {
  return pop.contacts[0]?.name || pop.call.display || pop.call.number;
}

/** What a screen reader says of a new call. @param {Pop} pop */
export function announcement(pop) {
  const others = Math.max(0, pop.contacts.length - 1) + pop.more;
  return text.announce(pop.call.direction, nameOf(pop), pop.call.display || pop.call.number, others);
}

/** @param {Contact} c @param {boolean} withMatters */
function about(c, withMatters) {
  return [text.kinds[c.kind] ?? '', c.company, withMatters && c.matters.length ? text.matterCount(c.matters.length) : '']
    .filter(Boolean).join(' · ');
}

/** @param {Card} card */
function render(card) {
  const { pop, element } = card;
  const part = (/** @type {string} */ selector) => /** @type {HTMLElement} */ (element.querySelector(selector));
  const { call } = pop;
  const best = pop.contacts[0];
  const name = nameOf(pop);

  element.setAttribute('data-state', call.state);
  element.setAttribute('data-direction', call.direction);
  element.removeAttribute('data-reason');
  setIcon(part('.pop-state-icon'), call.state === 'connected' ? 'connected' : 'ringing');
  say(part('.pop-state-text'), text.state(call.direction, call.state));
  say(part('.pop-direction'), text.direction(call.direction));
  part('.pop-timer').title = text.sinceStart;
  setIcon(part('.pop-dismiss'), 'cross');
  part('.pop-dismiss').setAttribute('aria-label', text.dismiss(name));

  setIcon(part('.pop-kind'), best ? (best.kind in text.kinds ? best.kind : 'person') : 'unknown');
  if (best?.name) showWords(part('.pop-name'), name);
  else showNumber(part('.pop-name'), call);
  say(part('.pop-about'), best ? about(best, false) : pop.pending ? '' : text.unknownCaller);
  if (best?.name) showNumber(part('.pop-number'), call);
  else showWords(part('.pop-number'), '');
  say(part('.pop-matched'), text.matched[best?.matched] ?? '');
  say(part('.pop-queue'), call.queue ? text.queue(call.queue) : '');

  const open = /** @type {HTMLAnchorElement} */ (part('.pop-open'));
  say(open, text.open);
  open.setAttribute('aria-label', `${text.open}: ${name} (${text.opensNewTab})`);
  link(open, best?.url ?? '');

  const number = call.display || call.number;
  for (const to of /** @type {const} */ (['search', 'create'])) {
    const a = /** @type {HTMLAnchorElement} */ (part(`.pop-${to}`));
    say(a, text[to]);
    a.setAttribute('aria-label', `${text[to]}: ${number} (${text.opensNewTab})`);
    link(a, pop.links?.[to] ?? '');
  }

  renderContacts(card, part);
}

/**
 * Matters and further matches, which seldom change while a call lasts: left
 * alone when they did not, so that nothing somebody has unfolded folds up.
 * @param {Card} card
 * @param {(selector: string) => HTMLElement} part
 */
function renderContacts(card, part) {
  const { contacts, more } = card.pop;
  const now = JSON.stringify([contacts, more]);
  if (card.contacts === now) return;
  card.contacts = now;

  const matters = contacts[0]?.matters ?? [];
  part('.pop-matters').hidden = matters.length === 0;
  say(part('.pop-matters h3'), text.matters(matters.length));
  part('.pop-matters ul').replaceChildren(...matters.map(matterRow));

  const others = contacts.slice(1);
  const few = others.length > FEW + 1 ? others.slice(0, FEW) : others; // never "1 more"
  const rest = others.slice(few.length);
  part('.pop-others').hidden = others.length === 0 && more === 0;
  say(part('.pop-others h3'), others.length ? text.others : '');
  part('.pop-others .few').replaceChildren(...few.map(matchRow));
  part('.pop-others .rest').replaceChildren(...rest.map(matchRow));
  part('.pop-others details').hidden = rest.length === 0;
  say(part('.pop-others summary'), text.showOthers(rest.length));
  say(part('.pop-more'), more > 0 ? text.more(more) : '');
}

/** @param {Matter} m */
function matterRow(m) {
  const row = copy('matter-template');
  say(row.querySelector('.matter-number'), m.number);
  say(row.querySelector('.matter-title'), m.title || m.number);
  say(row.querySelector('.matter-status'), m.status);
  const a = /** @type {HTMLAnchorElement} */ (row.querySelector('a'));
  link(a, m.url);
  a.hidden = false; // without an address it is still worth reading
  return row;
}

/** @param {Contact} c */
function matchRow(c) {
  const row = copy('match-template');
  say(row.querySelector('.match-name'), c.name);
  say(row.querySelector('.match-about'), about(c, true));
  const a = /** @type {HTMLAnchorElement} */ (row.querySelector('.match-open'));
  say(a, text.openShort);
  a.setAttribute('aria-label', `${text.openOf(c.name)} (${text.opensNewTab})`);
  link(a, c.url);
  return row;
}
