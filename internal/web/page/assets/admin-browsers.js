// @ts-check
/** Where agents are signed in, and their screens. */
import { byId, copy, say } from './dom.js';
import { look } from './admin-ask.js';
import { firmOf } from './admin-firms.js';
import { force } from './admin-force.js';
import { fits, list, part } from './admin-list.js';
import { moment } from './admin-show.js';
import { words } from './admin-text.js';

/** @typedef {import('./admin-agent.js').Session} Session */

const body = part(byId('browsers'), 'tbody');
const search = /** @type {HTMLInputElement} */ (byId('browsers-search'));

/** @type {Session[]} */
let sessions = [];
/** @type {Map<string, string>} */
let names = new Map();

/** @param {{tenant: string, extension: string}} a */
const keyOf = (a) => `${a.tenant} ${a.extension}`;

/** Asks for the browsers and shows them. */
export async function showBrowsers() {
  const [theirs, agents] = await Promise.all([look('/sessions'), look('/agents')]);
  if (theirs.problem || agents.problem) return;
  sessions = theirs.data.sessions;
  names = new Map(agents.data.agents.map((/** @type {import('./admin-show.js').Agent} */ a) => [keyOf(a), a.name || a.email]));
  render();
}

/** @param {Session} s */
const nameOf = (s) => names.get(keyOf(s)) || s.extension;

function render() {
  const shown = sessions.filter((s) => fits(search.value, [nameOf(s), s.extension, s.tenant, s.device, s.address]));
  list(body, shown, (s) => s.id, (s) => {
    const e = copy('browser-row-template');
    e.dataset.sessionId = s.id;
    part(e, '.end').addEventListener('click', async () => {
      const said = await force('session', { tenant: s.tenant, extension: s.extension, session: s.id }, nameOf(s));
      if (!said) return;
      say(byId('announce'), said);
      await showBrowsers();
      byId('browsers-title').focus();
    });
    return e;
  }, (e, s) => {
    say(part(e, '.name'), nameOf(s));
    say(part(e, '.about'), words.of(s.extension, firmOf(s.tenant)));
    say(part(e, '.device'), s.device);
    moment(part(e, '.created'), s.created, (d) => `${words.ago(d)}, by ${words.methods[s.method] ?? s.method}`);
    moment(part(e, '.seen'), s.last_seen, words.ago);
    say(part(e, '.from'), s.address || words.none);
    say(part(e, '.screens'), words.screensAt(s.screens, s.nodes ?? []));
    part(e, '.screens').dataset.none = String(s.screens === 0);
    part(e, '.end').setAttribute('aria-label', `End: ${nameOf(s)}, ${s.device}`);
  });
  say(byId('browsers-none'), shown.length > 0 ? '' : sessions.length > 0 ? words.noSessionsFit : words.noSessions);
}

search.addEventListener('input', render);
