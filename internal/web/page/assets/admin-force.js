// @ts-check
/** What an admin does to an agent, with a reason that the agent reads. */
import { byId, say } from './dom.js';
import { post } from './admin-ask.js';
import { words } from './admin-text.js';

const dialog = /** @type {HTMLDialogElement} */ (byId('force'));
const reason = /** @type {HTMLInputElement} */ (byId('force-reason'));
const yes = /** @type {HTMLButtonElement} */ (byId('force-yes'));

/** @type {(() => Promise<void>) | null} */
let wanted = null;
/** @type {(said: string) => void} */
let finish = () => {};

/**
 * Asks for the reason, does it, and returns what came of it in words; nothing
 * when the admin has thought better of it.
 * @param {keyof typeof words.force} what
 * @param {{tenant: string, extension: string, session?: string}} whom
 * @param {string} name
 * @returns {Promise<string>}
 */
export function force(what, whom, name) {
  const said = words.force[what];
  dialog.dataset.what = what;
  say(byId('force-title'), said.title(name));
  say(byId('force-text'), said.text);
  say(yes, said.yes);
  say(byId('force-problem'), '');
  reason.value = '';
  dialog.showModal();
  reason.focus();
  wanted = async () => {
    yes.disabled = true;
    const answer = await post(what === 'unpair' ? '/unpair' : '/sign-out', { ...whom, reason: reason.value.trim() });
    yes.disabled = false;
    say(byId('force-problem'), answer.problem);
    if (!answer.problem) close(said.done(answer.data));
  };
  return new Promise((resolve) => { finish = resolve; });
}

/** @param {string} said */
function close(said) {
  wanted = null;
  finish(said);
  dialog.close();
}

byId('force-form').addEventListener('submit', (e) => {
  e.preventDefault();
  if (reason.value.trim() === '') return reason.focus();
  if (!yes.disabled) wanted?.();
});
byId('force-no').addEventListener('click', () => close(''));
// Escape. The event may come late, when the dialog asks something else already.
dialog.addEventListener('close', () => { if (!dialog.open) finish(''); });
