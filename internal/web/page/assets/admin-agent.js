// @ts-check
/** One agent: how things stand, and what an admin can do about it. */
import { byId, copy, say } from './dom.js';
import { get, post } from './admin-ask.js';
import { firmOf } from './admin-firms.js';
import { force } from './admin-force.js';
import { facts, list, part } from './admin-list.js';
import { nameOf, standing } from './admin-show.js';
import { words } from './admin-text.js';

/**
 * @typedef {import('./admin-show.js').Agent} Agent
 * @typedef {{tenant: string, extension: string, id: string, device: string, method: string, created: string, last_seen: string, address: string, screens: number, nodes?: string[]}} Session
 */

const dialog = /** @type {HTMLDialogElement} */ (byId('agent'));
const linkField = /** @type {HTMLInputElement} */ (byId('agent-link'));

/** @type {{tenant: string, extension: string} | null} */
let whom = null;
/** @type {Agent | null} */
let shown = null;
/** @type {(extension: string, tenant: string) => void} */
let showCalls = () => {};
/** @type {() => Promise<void>} */
let refreshAll = async () => {};

/** @param {(extension: string, tenant: string) => void} calls @param {() => Promise<void>} refresh */
export function agentLeadsTo(calls, refresh) {
  showCalls = calls;
  refreshAll = refresh;
}

const query = () => whom ? `?tenant=${encodeURIComponent(whom.tenant)}&extension=${encodeURIComponent(whom.extension)}` : '';

/** @param {string} tenant @param {string} extension */
export async function openAgent(tenant, extension) {
  whom = { tenant, extension };
  shown = null;
  say(byId('agent-said'), '');
  byId('agent-link-row').hidden = true;
  byId('agent-browsers').replaceChildren();
  await Promise.all([refreshAll(), browsers()]);
  if (!dialog.open) dialog.showModal();
}

/** Takes in what is new of an agent. @param {Agent} a */
export function showAgent(a) {
  if (!whom || a.tenant !== whom.tenant || a.extension !== whom.extension) return;
  shown = a;
  const p = a.pairing;
  say(byId('agent-name'), nameOf(a));
  say(byId('agent-about'), words.of(a.extension, firmOf(a.tenant)));
  dialog.dataset.state = p.state;
  const moment = (/** @type {string | null | undefined} */ at) => at ? words.sinceOf(new Date(at)) : '';
  facts(byId('agent-facts'), [
    [words.facts.state, words.states[standing(a)]],
    [words.facts.account, p.account],
    [words.facts.email, a.email],
    [words.facts.since, moment(p.since)],
    [words.facts.until, moment(p.expires)],
    [words.facts.used, a.last_use ? words.ago(new Date(a.last_use)) : ''],
    [words.facts.failed, a.last_failure ? `${a.last_failure.problem} (${words.ago(new Date(a.last_failure.at))})` : ''],
    [words.facts.problem, p.problem],
  ]);
  byId('agent-unpair').hidden = p.state === 'unpaired';
}

async function browsers() {
  const answer = await get('/sessions' + query());
  if (answer.problem) return say(byId('agent-said'), answer.problem);
  const sessions = /** @type {Session[]} */ (answer.data.sessions);
  list(byId('agent-browsers'), sessions, (s) => s.id, (s) => {
    const e = copy('browser-template');
    part(e, '.end').addEventListener('click', () => act('session', s.id));
    return e;
  }, (e, s) => {
    say(part(e, '.device-name'), s.device);
    say(part(e, '.device-about'), `${words.signedInBy(s.method, new Date(s.created))}, ${s.screens > 0 ? words.screens(s.screens) : words.seen(new Date(s.last_seen))}${s.address && `, ${s.address}`}`);
    part(e, '.end').setAttribute('aria-label', `End: ${s.device}`);
  });
  if (sessions.length === 0) {
    const none = document.createElement('li');
    none.textContent = words.noBrowsers;
    byId('agent-browsers').replaceChildren(none);
  }
  byId('agent-sign-out').hidden = sessions.length === 0;
}

/** @param {keyof typeof words.force} what @param {string} [session] */
async function act(what, session) {
  if (!whom || !shown) return;
  const said = await force(what, { ...whom, ...(session ? { session } : {}) }, nameOf(shown));
  if (!said) return;
  await Promise.all([refreshAll(), browsers()]);
  say(byId('agent-said'), said);
  byId('agent-close').focus(); // the button that was pressed may have gone
}

byId('agent-unpair').addEventListener('click', () => act('unpair'));
byId('agent-sign-out').addEventListener('click', () => act('sign-out'));
byId('agent-calls').addEventListener('click', () => {
  if (!whom) return;
  const { extension, tenant } = whom;
  dialog.close();
  showCalls(extension, tenant);
});
byId('agent-invite').addEventListener('click', async () => {
  if (!whom) return;
  const answer = await post('/invites', whom);
  say(byId('agent-said'), answer.problem);
  if (answer.problem) return;
  byId('agent-link-row').hidden = false;
  linkField.value = answer.data.url;
  say(byId('agent-link-until'), words.linkUntil(new Date(answer.data.expires)));
  linkField.select();
});
byId('agent-copy').addEventListener('click', async () => {
  try {
    await navigator.clipboard.writeText(linkField.value);
    say(byId('agent-said'), words.copied);
  } catch {
    linkField.select();
    say(byId('agent-said'), words.notCopied);
  }
});
byId('agent-close').addEventListener('click', () => dialog.close());
dialog.addEventListener('close', () => {
  whom = null;
  linkField.value = ''; // whoever looks next has no use for it
});
