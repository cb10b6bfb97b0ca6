// @ts-check
/** The admin page: signing in, its parts, and what is asked again and again. */
import { fragment, stays } from './arrival.js';
import { byId, say } from './dom.js';
import { end, get, onAnswer, post } from './admin-ask.js';
import { agentLeadsTo } from './admin-agent.js';
import { showAgents } from './admin-agents.js';
import { showBrowsers } from './admin-browsers.js';
import { searchCalls, watchCalls } from './admin-calls.js';
import { showConfiguration } from './admin-configuration.js';
import { showDirectory } from './admin-directory.js';
import { setFirms } from './admin-firms.js';
import { showLive } from './admin-live.js';
import { leaveNumbers } from './admin-numbers.js';
import { openTry } from './admin-try.js';
import { words } from './admin-text.js';

/**
 * A part of the page: what it asks for when it is opened and how often after
 * that, and what it is told when it is opened or left.
 * @type {Record<string, {show: () => Promise<void>, every: number, open?: (open: boolean) => void}>}
 */
const views = {
  agents: { show: showAgents, every: 5000 },
  calls: { show: showLive, every: 2000, open: watchCalls },
  browsers: { show: showBrowsers, every: 10_000 },
  numbers: { show: async () => {}, every: 0, open: (open) => { if (!open) leaveNumbers(); } },
  directory: { show: showDirectory, every: 30_000 },
  configuration: { show: showConfiguration, every: 30_000 },
  try: { show: async () => openTry(), every: 0 },
};

let view = '';
let timer = 0;
let leaving = false;
let tryAgain = enter;

/** Which part an address is of. */
const viewAt = () => (/^\/admin\/(\w+)$/.exec(location.pathname)?.[1] ?? 'agents');

/** @param {string} name @param {boolean} [focus] */
function open(name, focus = false) {
  if (view !== name) views[view]?.open?.(false);
  view = name in views ? name : 'agents';
  document.body.dataset.view = view;
  for (const a of byId('views').querySelectorAll('a')) {
    if (a.dataset.view !== view) {
      a.removeAttribute('aria-current');
      continue;
    }
    a.setAttribute('aria-current', 'page');
    a.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  }
  for (const s of document.querySelectorAll('main > section')) /** @type {HTMLElement} */ (s).hidden = s.getAttribute('data-view') !== view;
  const title = byId(`${view}-title`);
  document.title = `${title.textContent} – smokepop admin`;
  if (focus) title.focus();
  views[view]?.open?.(true);
  refresh();
}

/** @param {string} name */
function lead(name) {
  history.pushState(null, '', `/admin/${name}`);
  open(name, true);
}

/** Asks now, and again after a while for as long as somebody sees it. */
async function refresh() {
  clearTimeout(timer);
  const part = views[view];
  if (!part || document.body.dataset.state !== 'signed-in') return;
  if (!document.hidden) await part.show();
  clearTimeout(timer); // another may have begun meanwhile
  if (part.every > 0 && part === views[view]) timer = setTimeout(refresh, part.every);
}

/** @param {string} reason */
async function signedOut(reason) {
  clearTimeout(timer);
  views[view]?.open?.(false);
  for (const d of document.querySelectorAll('dialog')) d.close();
  document.body.dataset.state = 'signed-out';
  say(byId('signed-out-reason'), reason);
  const ways = await get('/sign-in');
  say(byId('sign-in-oidc'), ways.data?.oidc ? words.signInWith(ways.data.oidc.name) : '');
  byId('sign-in-again').hidden = ways.status !== 0;
  if (ways.problem) say(byId('sign-in-problem'), ways.problem);
}

async function enter() {
  say(byId('sign-in-problem'), '');
  const me = await get('/me');
  if (me.status === 401) return signedOut('');
  if (me.status !== 200) return passing(me.problem, enter);
  const { email, tenants, everything } = me.data;
  say(byId('admin-email'), email);
  say(byId('admin-reach'), everything ? (tenants.length > 1 ? words.everything : '') : words.firms(tenants));
  setFirms(tenants);
  document.body.dataset.state = 'signed-in';
  open(viewAt());
}

/** What keeps somebody out that passes. @param {string} problem @param {() => Promise<void>} again */
async function passing(problem, again) {
  await signedOut('');
  say(byId('sign-in-problem'), problem);
  byId('sign-in-again').hidden = false;
  tryAgain = again;
}

async function start() {
  if (!fragment) return enter();
  document.body.dataset.state = 'signed-out';
  say(byId('signed-out-reason'), words.signingIn);
  const answer = await post('/session', { link: fragment });
  if (answer.status === 204) return enter();
  // The link of a browser that is signed in already has done its work.
  const me = await get('/me');
  if (me.status === 200) return enter();
  if (answer.status === 0 || answer.status >= 500) return passing(answer.problem, start);
  await signedOut('');
  say(byId('sign-in-problem'), answer.problem);
}

onAnswer((status, problem) => {
  if (document.body.dataset.state !== 'signed-in') return;
  byId('trouble').hidden = status !== 0 && status < 500;
  say(byId('trouble-text'), status === 0 ? words.away : status >= 500 ? problem : '');
  if (status === 401) signedOut(leaving ? words.signedOutHere : words.sessionEnded);
});

agentLeadsTo((extension, tenant) => {
  searchCalls(extension, tenant);
  lead('calls');
}, showAgents);

for (const a of byId('views').querySelectorAll('a')) {
  a.addEventListener('click', (e) => {
    if (e.metaKey || e.ctrlKey || e.shiftKey) return; // another tab is another's wish
    e.preventDefault();
    lead(a.dataset.view ?? '');
  });
}
addEventListener('popstate', () => open(viewAt()));
document.addEventListener('visibilitychange', () => { if (!document.hidden) refresh(); });
byId('sign-out').addEventListener('click', async () => {
  leaving = true;
  await end('/session');
  await signedOut(words.signedOutHere);
  leaving = false;
});
byId('sign-in-again').addEventListener('click', () => tryAgain());

// Who reads does not ask for anything: that somebody is here has to be told.
let told = Date.now();
const TELL_EVERY = 5 * 60_000;
for (const sign of ['pointerdown', 'keydown', 'wheel']) {
  addEventListener(sign, () => {
    if (Date.now() - told < TELL_EVERY || document.body.dataset.state !== 'signed-in') return;
    told = Date.now();
    get('/me');
  }, { passive: true });
}

if (stays) start();
