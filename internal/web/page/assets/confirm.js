// @ts-check
import { byId, say } from './dom.js';

const dialog = /** @type {HTMLDialogElement} */ (byId('confirm'));

/** @type {(yes: boolean) => void} */
let answer = () => {};

/**
 * Asks once. Escape and Cancel mean no.
 * @param {string} title
 * @param {string} words
 * @param {string} yes
 * @returns {Promise<boolean>}
 */
export function ask(title, words, yes) {
  say(byId('confirm-title'), title);
  say(byId('confirm-text'), words);
  say(byId('confirm-yes'), yes);
  dialog.showModal();
  return new Promise((resolve) => { answer = resolve; });
}

/** Takes the question back: there is no more to ask. */
export function withdraw() {
  if (dialog.open) close(false);
}

/** @param {boolean} yes */
function close(yes) {
  answer(yes);
  dialog.close();
}

byId('confirm-yes').addEventListener('click', () => close(true));
byId('confirm-no').addEventListener('click', () => close(false));
// Escape. The event may come late, when the dialog asks something else already.
dialog.addEventListener('close', () => { if (!dialog.open) answer(false); });
