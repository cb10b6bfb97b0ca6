// @ts-check
/** The calls that agents have at this moment. */
import { byId, copy, say, setIcon } from './dom.js';
import { look } from './admin-ask.js';
import { chosen, firmOf } from './admin-firms.js';
import { list, part } from './admin-list.js';
import { words } from './admin-text.js';

/**
 * @typedef {{extension: string, state: 'ringing' | 'connected', since: string, pop: boolean, screens: number}} CallAgent
 * @typedef {{tenant: string, call: string, direction: 'inbound' | 'outbound', number: string, since: string, agents: CallAgent[]}} LiveCall
 */

/** Asks for the calls and shows them. */
export async function showLive() {
  const answer = await look('/calls');
  if (answer.problem) return;
  const tenant = chosen('calls-tenant');
  const calls = /** @type {LiveCall[]} */ (answer.data.calls).filter((c) => !tenant || c.tenant === tenant);
  say(byId('live-count'), calls.length > 0 ? String(calls.length) : '');
  byId('live-none').hidden = calls.length > 0;
  list(byId('live'), calls, (c) => `${c.tenant} ${c.call}`, () => copy('live-template'), show);
}

/** @param {HTMLElement} e @param {LiveCall} c */
function show(e, c) {
  const state = c.agents.some((a) => a.state === 'connected') ? 'connected' : 'ringing';
  e.dataset.call = c.call;
  e.dataset.state = state;
  setIcon(part(e, '.call-icon'), c.direction);
  say(part(e, '.call-who'), words.short(c.number) || words.unknownNumber);
  say(part(e, '.call-about'), words.liveAbout(c.direction, state) + (firmOf(c.tenant) && ` · ${c.tenant}`));
  list(part(e, '.live-agents'), c.agents, (a) => a.extension, () => {
    const chip = document.createElement('span');
    chip.className = 'chip';
    return chip;
  }, (chip, a) => {
    chip.dataset.state = a.state;
    say(chip, words.liveAgent(a.extension, a.pop, a.screens));
  });
  say(part(e, '.live-since'), words.since(new Date(c.since)));
}
