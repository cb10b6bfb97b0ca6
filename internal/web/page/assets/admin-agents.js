// @ts-check
/** The pairing board: every agent, how the pairing stands, and what went wrong last. */
import { byId, copy, say } from './dom.js';
import { look } from './admin-ask.js';
import { openAgent, showAgent } from './admin-agent.js';
import { chosen, firmOf } from './admin-firms.js';
import { fits, list, part } from './admin-list.js';
import { moment, nameOf, showChip, standing } from './admin-show.js';
import { words } from './admin-text.js';
import { isMismatch } from './standing.js';

/**
 * @typedef {import('./admin-show.js').Agent} Agent
 * @typedef {import('./admin-show.js').Standing} Standing
 * @typedef {keyof typeof words.tiles} Filter
 */

const body = part(byId('agents'), 'tbody');
const search = /** @type {HTMLInputElement} */ (byId('agents-search'));

/** @type {Agent[] | null} */
let agents = null;
/** @type {Filter} */
let filter = 'all';

/** @param {Standing} s @param {Filter} f */
const isOf = (s, f) => f === 'all' || s === f || (f === 'paired' && s === 'ending') || (f === 'attention' && s === 'expired');

/** Asks for the agents and shows them. */
export async function showAgents() {
  const answer = await look('/agents');
  if (answer.problem) return;
  agents = /** @type {Agent[]} */ (answer.data.agents);
  render();
}

function render() {
  if (!agents) return;
  const tenant = chosen('agents-tenant');
  const there = agents.filter((a) => !tenant || a.tenant === tenant);
  tiles(there);
  const shown = there.filter((a) => isOf(standing(a), filter) && fits(search.value, [a.name, a.email, a.extension, a.tenant, a.pairing.account]));
  list(body, shown, (a) => `${a.tenant} ${a.extension}`, make, show);
  say(byId('agents-none'), shown.length > 0 ? '' : agents.length > 0 ? words.noAgents : words.nobody);
  for (const a of agents) showAgent(a);
}

/** @param {Agent[]} there */
function tiles(there) {
  const filters = /** @type {Filter[]} */ (Object.keys(words.tiles));
  list(byId('tiles'), filters, (f) => f, (f) => {
    const e = copy('tile-template');
    const button = part(e, 'button');
    button.dataset.filter = f;
    button.addEventListener('click', () => {
      filter = filter === f ? 'all' : f;
      render();
    });
    return e;
  }, (e, f) => {
    const count = there.filter((a) => isOf(standing(a), f)).length;
    const button = part(e, 'button');
    button.setAttribute('aria-pressed', String(f === filter));
    button.dataset.empty = String(count === 0);
    say(part(e, '.tile-number'), String(count));
    say(part(e, '.tile-text'), words.tiles[f]);
  });
}

/** @param {Agent} a */
function make(a) {
  const e = copy('agent-row-template');
  part(e, '.manage').addEventListener('click', () => openAgent(a.tenant, a.extension));
  return e;
}

/** @param {HTMLElement} e @param {Agent} a */
function show(e, a) {
  const s = standing(a);
  const p = a.pairing;
  Object.assign(e.dataset, { tenant: a.tenant, extension: a.extension, state: p.state });
  say(part(e, '.name'), nameOf(a));
  say(part(e, '.about'), words.of(a.extension, firmOf(a.tenant)));
  showChip(part(e, '.chip'), s);
  const account = part(e, '.account');
  say(account, isMismatch(p) ? `${p.account}: ${words.mismatch}` : p.account);
  account.dataset.warn = String(isMismatch(p));
  moment(part(e, '.since'), p.since, words.day);
  moment(part(e, '.ends'), p.expires, (d) => s === 'ending' ? words.inDays(d) : words.day(d));
  part(e, '.ends').dataset.warn = String(s === 'ending');
  moment(part(e, '.used'), a.last_use, words.ago);
  moment(part(e, '.failed'), a.last_failure?.at, (d) => `${a.last_failure?.problem ?? ''} (${words.ago(d)})`);
  say(part(e, '.screens'), String(a.screens));
  part(e, '.screens').dataset.none = String(a.screens === 0);
  part(e, '.manage').setAttribute('aria-label', words.manageWhom(nameOf(a)));
}

search.addEventListener('input', render);
byId('agents-tenant').addEventListener('change', render);
