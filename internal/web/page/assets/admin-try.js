// @ts-check
/** Trying an event: the verdict, with nothing sent. */
import { byId, say } from './dom.js';
import { post } from './admin-ask.js';
import { chosen, firms } from './admin-firms.js';
import { facts, list } from './admin-list.js';
import { words } from './admin-text.js';

/**
 * @typedef {{extension: string, queue: string, pairing: string, screens: number, pops: 'ringing' | 'connected' | 'off'}} TrialAgent
 * @typedef {{tenant: string, status: number, verdict: string, reason: string, call: string, state: string, direction: string, number: string, display: string,
 *   agents: TrialAgent[], concerned: string[], fields: {source: string, name: string, field: string, shape: string}[], hints: string[]}} Trial
 */

const event = /** @type {HTMLTextAreaElement} */ (byId('try-event'));
const name = /** @type {HTMLInputElement} */ (byId('try-name'));
const extension = /** @type {HTMLInputElement} */ (byId('try-extension'));
const yes = /** @type {HTMLButtonElement} */ (byId('try-yes'));

/** What was pasted, as the PBX would send it: JSON and forms are bodies, what begins with "?" is a query. @param {string} text */
function sample(text) {
  if (text.startsWith('?')) return { query: text.slice(1) };
  const json = /^[[{]/.test(text);
  return { body: text, content_type: json ? 'application/json' : 'application/x-www-form-urlencoded' };
}

async function run() {
  yes.disabled = true;
  const answer = await post('/dry-run', {
    tenant: chosen('try-tenant') || (firms()[0] ?? ''), event: name.value.trim(), extension: extension.value.trim(), ...sample(event.value.trim()),
  });
  yes.disabled = false;
  say(byId('try-problem'), answer.problem);
  if (!answer.problem) show(answer.data);
}

/** @param {Trial} t */
export function show(t) {
  const trial = byId('trial');
  trial.dataset.verdict = t.verdict;
  trial.dataset.tone = t.verdict === 'accepted' ? 'good' : t.status >= 400 ? 'bad' : 'warn';
  say(byId('trial-title'), words.trialTitle(t.verdict, t.agents.length));
  say(byId('trial-reason'), t.reason);
  facts(byId('trial-facts'), words.trialFacts(t));
  list(byId('trial-agents'), t.agents, (a) => a.extension, () => document.createElement('li'), (e, a) => say(e, words.trialAgent(a)));
  list(byId('trial-hints'), t.hints, (h) => h, () => {
    const e = document.createElement('li');
    e.className = 'warn';
    return e;
  }, (e, h) => say(e, h));
  byId('trial-fields-row').hidden = t.fields.length === 0;
  facts(byId('trial-fields'), t.fields.map((f) => /** @type {[string, string]} */ ([`${f.name} (${f.source})`, words.trialField(f.field, f.shape)])));
}

/** What stands there before anything was tried. */
export function openTry() {
  if (byId('trial').dataset.verdict === '') {
    say(byId('trial-title'), words.trialNone);
    say(byId('trial-reason'), words.trialHint);
  }
}

byId('try-form').addEventListener('submit', (e) => {
  e.preventDefault();
  if (!yes.disabled) run();
});
byId('try-sample').addEventListener('click', () => {
  event.value = words.sample;
  event.focus();
});
