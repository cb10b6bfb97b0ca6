// @ts-check
/** The calls of late, and the whole way of each, as it happens. */
import { byId, copy, say, setIcon } from './dom.js';
import { follow, get } from './admin-ask.js';
import { chosen, firmOf } from './admin-firms.js';
import { facts, fits, list, part } from './admin-list.js';
import { words } from './admin-text.js';

/**
 * @typedef {{time: string, tenant: string, extension: string, call: string, step: string, verdict: string, detail: string, number: string,
 *   rule?: string, leg?: string, listed?: boolean, fields?: {name: string, field?: string, shape: string}[], unknown?: string[], agents?: string[],
 *   token?: string, plan?: string[], cause?: string, searches?: {search: string, result: string, read: number, hits: number, verified: number, took_ms: number}[]}} Entry
 * @typedef {{key: string, id: string, tenant: string, first: Date, number: string, extensions: string[], entries: Entry[]}} Call
 */

const MOST = 500;
const AGAIN_AFTER = 3000;

const search = /** @type {HTMLInputElement} */ (byId('calls-search'));
const button = byId('follow');

/** @type {Map<string, Call>} */
let calls = new Map();
let selected = '';
let wanted = false; // the view is open
let paused = false;
/** @type {AbortController | null} */
let stream = null;
let drawing = 0;

/** @param {string} step @param {string} verdict */
function tone(step, verdict) {
  if (['shown', 'matched'].includes(verdict)) return 'good';
  if (['failed', 'refused', 'unavailable', 'full', 'too-late', 'pushed-out'].includes(verdict)) return 'bad';
  if (['not-paired', 'no-screen', 'unknown-extension', 'out-of-scope', 'unpaired'].includes(verdict)) return 'warn';
  return step === 'event' && verdict === 'accepted' ? 'good' : '';
}

const noise = new Set(['accepted', 'duplicate', 'out-of-order']);

/** The entry that says best what became of a call. @param {Call} c */
function telling(c) {
  const said = c.entries.filter((e) => !noise.has(e.verdict) && e.verdict !== 'unknown-extension');
  return said.findLast((e) => e.step === 'push') ?? said.at(-1) ?? c.entries.find((e) => e.verdict === 'unknown-extension' && c.extensions.length === 0) ?? c.entries.at(-1);
}

/** @param {Entry} e */
function take(e) {
  const key = `${e.tenant} ${e.call}`;
  let c = calls.get(key);
  if (!c) {
    c = { key, id: e.call, tenant: e.tenant, first: new Date(e.time), number: '', extensions: [], entries: [] };
    calls.set(key, c);
    if (calls.size > MOST) calls.delete(calls.keys().next().value ?? '');
  }
  c.entries.push(e);
  if (e.number) c.number = words.short(e.number);
  if (e.extension && !c.extensions.includes(e.extension)) c.extensions.push(e.extension);
}

/** Draws once for all that comes at a time. */
function soon() {
  drawing ||= setTimeout(() => {
    drawing = 0;
    render();
  }, 50);
}

async function run() {
  while (wanted && !paused && !stream) {
    const mine = new AbortController();
    stream = mine;
    state('connecting');
    try {
      await follow('/trace?follow=1', mine.signal, () => {
        calls = new Map(); // what is on record comes first, all of it
        state('following');
      }, (e) => {
        if (stream !== mine) return;
        take(e);
        soon();
      });
    } catch {
      // it comes back below
    }
    if (stream === mine) stream = null;
    if (!wanted || paused) return;
    state('connecting');
    await new Promise((done) => setTimeout(done, AGAIN_AFTER));
  }
}

/** @param {'following' | 'connecting' | 'paused'} now */
function state(now) {
  button.dataset.state = now;
  button.setAttribute('aria-pressed', String(now !== 'paused'));
  say(byId('follow-text'), { following: words.following, connecting: words.broken, paused: words.paused }[now]);
}

function render() {
  const tenant = chosen('calls-tenant');
  const all = [...calls.values()].reverse();
  const shown = all.filter((c) => (!tenant || c.tenant === tenant) && fits(search.value, [c.id, c.number, c.tenant, ...c.extensions.map((x) => `ext${x} ${x}`)]));
  say(byId('traced-count'), shown.length > 0 ? words.callCount(shown.length) : '');
  list(byId('traced'), shown.slice(0, 200), (c) => c.key, (c) => {
    const e = copy('call-template');
    part(e, 'button').addEventListener('click', () => choose(c.key));
    setIcon(part(e, '.call-icon'), 'call');
    return e;
  }, showCall);
  say(byId('traced-none'), shown.length > 0 ? '' : all.length > 0 ? words.noCallsFit : words.noCalls);
  showSteps();
}

/** @param {HTMLElement} e @param {Call} c */
function showCall(e, c) {
  const t = telling(c);
  e.dataset.call = c.id;
  const b = part(e, 'button');
  if (c.key === selected) b.setAttribute('aria-current', 'true');
  else b.removeAttribute('aria-current');
  say(part(e, '.call-who'), c.number || words.unknownNumber);
  say(part(e, '.call-about'), words.extensions(c.extensions) + (firmOf(c.tenant) && ` · ${c.tenant}`));
  say(part(e, 'time'), words.clock(c.first));
  const verdict = part(e, '.call-verdict');
  say(verdict, t?.verdict ?? '');
  verdict.dataset.tone = t ? tone(t.step, t.verdict) : '';
}

/** @param {string} key */
function choose(key) {
  selected = key;
  render();
  byId('steps-panel').scrollIntoView({ block: 'nearest' });
  byId('steps-title').focus({ preventScroll: true });
}

function showSteps() {
  const c = calls.get(selected);
  say(byId('steps-title'), c ? words.callTitle(c.number || words.unknownNumber) : words.chooseCall);
  say(byId('steps-about'), c ? words.callAbout(c.id, c.first, firmOf(c.tenant)) : words.chooseHint);
  list(byId('steps'), (c?.entries ?? []).map((e, i) => ({ e, i })), ({ i }) => `${c?.key} ${i}`, ({ e }) => step(e, c?.first ?? new Date()), () => {});
}

/** An entry as it is shown: it never changes. @param {Entry} entry @param {Date} first */
function step(entry, first) {
  const e = copy('step-template');
  e.dataset.step = entry.step;
  e.dataset.verdict = entry.verdict;
  const at = part(e, '.step-at');
  say(at, words.after(Date.parse(entry.time) - first.getTime()));
  at.title = words.exact(new Date(entry.time));
  say(part(e, '.step-name'), words.steps[entry.step] ?? entry.step);
  const chip = part(e, '.chip');
  say(chip, entry.verdict);
  chip.dataset.tone = tone(entry.step, entry.verdict);
  say(part(e, '.step-agent'), entry.extension && words.extensions([entry.extension]));
  say(part(e, '.step-detail'), entry.detail);
  facts(part(e, '.step-facts'), words.stepFacts(entry));
  const came = part(e, '.step-came');
  came.hidden = !entry.fields?.length;
  facts(part(came, 'dl'), (entry.fields ?? []).map((f) => [f.field ? `${f.name} (${f.field})` : f.name, f.shape]));
  return e;
}

/** Opens the view, or leaves it. @param {boolean} open */
export function watchCalls(open) {
  wanted = open;
  if (open) {
    render();
    run();
  } else {
    stream?.abort();
    stream = null;
  }
}

/** Looks for an agent's calls. @param {string} extension @param {string} tenant */
export function searchCalls(extension, tenant) {
  search.value = `ext${extension}`;
  const select = /** @type {HTMLSelectElement} */ (byId('calls-tenant'));
  select.value = tenant;
  if (select.selectedIndex < 0) select.value = '';
}

button.addEventListener('click', () => {
  paused = !paused;
  if (!paused) {
    run();
    return;
  }
  stream?.abort();
  stream = null;
  state('paused');
  get('/me'); // somebody is here
});
search.addEventListener('input', render);
byId('calls-tenant').addEventListener('change', render);
