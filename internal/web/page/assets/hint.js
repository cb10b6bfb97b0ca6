// @ts-check
/** What the browser has to be asked for, said once and quietly, in a panel of its own. */
import { byId, say } from './dom.js';
import { text } from './language.js';
import { askPermission, onPermission, permission } from './notices.js';
import { isPaired } from './pairing.js';
import { settings } from './settings.js';
import { maySound } from './sound.js';

const LATER = 'smokepop-notifications'; // 'later': the agent has been asked
const yes = /** @type {HTMLButtonElement} */ (byId('hint-yes'));
const no = /** @type {HTMLButtonElement} */ (byId('hint-no'));
let refused = false; // in this tab, just now

function later() {
  try {
    return localStorage.getItem(LATER) === 'later';
  } catch {
    return refused;
  }
}

function notAgain() {
  try {
    localStorage.setItem(LATER, 'later');
  } catch { /* asked once for each page, then */ }
}

/** @returns {'notifications' | 'denied' | 'sound' | ''} */
function kind() {
  const now = settings();
  if (refused) return permission() === 'denied' ? 'denied' : '';
  if (isPaired() && now.notification !== 'none' && permission() === 'default' && !later()) return 'notifications';
  return now.sound && !maySound() ? 'sound' : '';
}

export function showHint() {
  const what = kind();
  byId('hint').hidden = what === '';
  byId('hint').dataset.kind = what;
  if (what === '') return;
  const words = text.hints[what];
  say(byId('hint-title'), words.title);
  say(byId('hint-text'), words.text);
  say(yes, 'yes' in words ? words.yes : '');
  say(no, 'no' in words ? words.no : '');
}

yes.addEventListener('click', async () => {
  if (byId('hint').dataset.kind === 'notifications') {
    notAgain();
    refused = (await askPermission()) === 'denied';
  }
  showHint(); // that somebody has touched the page is all a sound needs
});
no.addEventListener('click', () => {
  notAgain();
  refused = false;
  showHint();
});
addEventListener('storage', showHint); // another tab has asked
for (const touch of ['pointerup', 'keyup']) addEventListener(touch, () => { if (byId('hint').dataset.kind === 'sound') showHint(); });
onPermission(showHint);
