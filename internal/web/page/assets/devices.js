// @ts-check
/** Where the agent is signed in, and ending that. */
import { request } from './api.js';
import { ask } from './confirm.js';
import { byId, copy, say } from './dom.js';
import { text } from './language.js';

/** @typedef {{id: string, device: string, method: string, created: string, last_seen: string, address: string, screens: number, current: boolean}} Device */

const list = byId('devices');

/** Asks for the devices and shows them. */
export async function showDevices() {
  const answer = await request('GET', '/api/sessions');
  say(byId('devices-problem'), answer.problem);
  if (answer.problem) return;
  // This one first: it is what the others are told from.
  const devices = /** @type {Device[]} */ (answer.data.sessions).sort((a, b) => Number(b.current) - Number(a.current));
  list.replaceChildren(...devices.map(row));
}

/** smokepop knows browsers in English: "Chrome on Windows". @param {string} device */
function named(device) {
  const [, browser = '', system = ''] = /^(?:A browser|Unknown device|(.+?))(?: on (.+))?$/.exec(device) ?? [];
  return text.device(browser, system);
}

/** @param {Device} d */
function row(d) {
  const name = named(d.device);
  const e = copy('device-template');
  e.dataset.sessionId = d.id;
  e.dataset.current = String(d.current);
  say(e.querySelector('.device-name'), name);
  say(e.querySelector('.device-this'), d.current ? text.thisDevice : '');
  say(e.querySelector('.device-seen'), d.current ? '' : d.screens > 0 ? text.deviceOpen : text.deviceSeen(new Date(d.last_seen)));
  say(e.querySelector('.device-since'), text.deviceSince(new Date(d.created), d.method));
  say(e.querySelector('.device-address'), d.address);
  const end = /** @type {HTMLButtonElement} */ (e.querySelector('.device-end'));
  end.hidden = d.current; // "Sign out" does that
  say(end, d.current ? '' : text.endDevice);
  end.setAttribute('aria-label', text.endDeviceOf(name));
  end.addEventListener('click', () => endDevice(d.id, name));
  return e;
}

/** @param {string} id @param {string} name */
async function endDevice(id, name) {
  if (!(await ask(text.endDeviceTitle(name), text.endDeviceText, text.endDevice))) return;
  const answer = await request('DELETE', `/api/sessions/${encodeURIComponent(id)}`);
  // One that has ended already is what was wanted.
  const problem = answer.status === 404 ? '' : answer.problem;
  await showDevices();
  if (problem) say(byId('devices-problem'), problem);
  else say(byId('settings-saved'), text.deviceEnded(name));
  byId('settings-close').focus(); // the button that was pressed has gone
}
