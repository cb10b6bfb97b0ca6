// @ts-check
import { byId, say } from './dom.js';

const dialog = /** @type {HTMLDialogElement} */ (byId('confirm'));

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
  dialog.returnValue = '';
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => resolve(dialog.returnValue === 'yes'), { once: true });
  });
}

byId('confirm-yes').addEventListener('click', () => dialog.close('yes'));
byId('confirm-no').addEventListener('click', () => dialog.close('no'));
