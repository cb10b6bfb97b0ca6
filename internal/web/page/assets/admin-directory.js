// @ts-check
/** Where each firm's agents come from, and what does not fit there. */
import { byId, copy, say } from './dom.js';
import { look, post } from './admin-ask.js';
import { facts, list, part } from './admin-list.js';
import { words } from './admin-text.js';

/**
 * @typedef {{alias?: string, extensions: string[]}} Shared
 * @typedef {{tenant: string, agents: number, pbx: null | {problem: string, last_success: string | null, gaps: string[]},
 *   [lists: string]: any}} Report
 */

/** Asks for the reports and shows them. */
export async function showDirectory() {
  const answer = await look('/directory');
  if (!answer.problem) render(answer.data.directories);
}

/** @param {string | Shared} one */
const named = (one) => typeof one === 'string' ? one : (one.alias ? `${one.alias}: ` : '') + one.extensions.join(' and ');

/** @param {Report[]} reports */
function render(reports) {
  list(byId('directories'), reports, (d) => d.tenant, make, (e, d) => {
    e.dataset.tenant = d.tenant;
    say(part(e, 'h2'), d.tenant);
    const source = !d.pbx ? words.noPBX : d.pbx.last_success ? words.pbxRead(new Date(d.pbx.last_success)) : words.pbxNever;
    say(part(e, '.lead'), `${words.agentsOf(d.agents)} · ${source}`);
    part(e, '.read').hidden = !d.pbx;
    say(part(e, '.warn'), [d.pbx?.problem ?? '', ...(d.pbx?.gaps ?? [])].filter(Boolean).join(' '));
    const rows = Object.entries(words.directoryFacts).map(([key, name]) =>
      /** @type {[string, string]} */ ([name, (d[key] ?? []).map(named).join(', ')]));
    facts(part(e, 'dl'), rows.some(([, value]) => value) ? rows : [['', words.directoryFine]]);
  });
}

/** @param {Report} d */
function make(d) {
  const e = copy('directory-template');
  const button = /** @type {HTMLButtonElement} */ (part(e, '.read'));
  button.addEventListener('click', async () => {
    button.disabled = true;
    say(button, words.reading);
    const answer = await post(`/directory/refresh?tenant=${encodeURIComponent(d.tenant)}`, {});
    button.disabled = false;
    say(button, words.read);
    say(byId('announce'), answer.problem || (answer.data.under_way ? words.readUnderWay : words.readDone));
    if (answer.problem) say(part(e, '.warn'), answer.problem);
    else await showDirectory();
  });
  return e;
}
