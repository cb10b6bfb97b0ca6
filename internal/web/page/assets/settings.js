// @ts-check
/** The agent's settings. smokepop keeps them; what the firm decides is shown and cannot be changed. */
import { request } from './api.js';
import { showDevices } from './devices.js';
import { byId, say } from './dom.js';
import { text } from './language.js';
import { askPermission, onPermission, permission } from './notices.js';
import { sound } from './sound.js';

/**
 * @typedef {{on: 'ringing' | 'connected', inbound: boolean, outbound: boolean, sound: boolean, notification: import('./notices.js').Level}} Values
 * @typedef {{settings: Values, defaults: Values, locked: string[], notifications: string[]}} View
 */

const NAMES = /** @type {(keyof Values)[]} */ (['on', 'inbound', 'outbound', 'sound', 'notification']);
// Until smokepop has said more, nothing goes beyond the page.
/** @type {Values} */
const UNKNOWN = { on: 'ringing', inbound: true, outbound: true, sound: false, notification: 'none' };

const dialog = /** @type {HTMLDialogElement} */ (byId('settings'));
/** @type {View | null} */
let view = null;
let heard = 0; // how often they were told
/** @type {() => void} */
let told = () => {};

/** The settings as they are now. */
export const settings = () => view?.settings ?? UNKNOWN;

/** @param {() => void} changed called when they have */
export function onSettings(changed) {
  told = changed;
}

/** Takes in what smokepop says of the settings. @param {View | undefined} now */
export function settingsAre(now) {
  if (!now) return;
  view = now;
  heard++;
  show();
  told();
}

/** @param {string} name */
const inputs = (name) => /** @type {NodeListOf<HTMLInputElement>} */ (dialog.querySelectorAll(`input[name="${name}"]`));

function show() {
  if (!view) return;
  for (const name of NAMES) {
    const locked = view.locked.includes(name);
    for (const input of inputs(name)) {
      const choice = input.type === 'radio';
      input.checked = choice ? view.settings[name] === input.value : view.settings[name] === true;
      input.disabled = locked;
      if (choice && name === 'notification') {
        /** @type {HTMLElement} */ (input.closest('label')).hidden = !view.notifications.includes(input.value);
      }
    }
    /** @type {HTMLElement} */ (dialog.querySelector(`[data-setting="${name}"] .locked`)).hidden = !locked;
  }
  const { settings: now, defaults } = view;
  byId('settings-defaults').hidden = NAMES.every((name) => now[name] === defaults[name]);
  showPermission();
}

function showPermission() {
  const state = settings().notification === 'none' ? '' : permission();
  byId('notifications-here').dataset.state = state;
  say(byId('notifications-here'), state ? text.notificationsHere[state] : '');
  byId('notifications-allow').hidden = state !== 'default';
}

/** Has smokepop change settings; whatever comes of it, the dialog shows what is. @param {Partial<Record<keyof Values, any>>} change */
async function put(change) {
  say(byId('settings-problem'), '');
  say(byId('settings-saved'), '');
  const before = heard;
  const answer = await request('PUT', '/api/settings', change);
  say(byId('settings-problem'), answer.problem);
  if (answer.problem) return show();
  // The frame says the same, and it or one after it may have come first.
  if (heard === before) settingsAre(answer.data);
  say(byId('settings-saved'), text.saved);
}

async function open() {
  say(byId('settings-problem'), '');
  say(byId('settings-saved'), '');
  show();
  dialog.showModal();
  showDevices();
  if (view) return;
  const answer = await request('GET', '/api/settings');
  if (answer.problem) say(byId('settings-problem'), answer.problem);
  else settingsAre(answer.data);
}

export function closeSettings() {
  if (dialog.open) dialog.close();
}

dialog.addEventListener('change', (e) => {
  const input = e.target;
  if (!(input instanceof HTMLInputElement)) return;
  put({ [input.name]: input.type === 'radio' ? input.value : input.checked });
  if (input.name === 'sound' && input.checked) sound(); // what it is that one has turned on
});
byId('settings-open').addEventListener('click', open);
byId('settings-close').addEventListener('click', closeSettings);
dialog.addEventListener('click', (e) => { if (e.target === dialog) closeSettings(); }); // beside it
byId('settings-defaults').addEventListener('click', () => {
  put(Object.fromEntries(NAMES.filter((name) => !view?.locked.includes(name)).map((name) => [name, null])));
  byId('settings-close').focus(); // the button goes
});
byId('sound-try').addEventListener('click', () => sound());
byId('notifications-allow').addEventListener('click', async () => {
  await askPermission();
  showPermission();
});
onPermission(showPermission);
