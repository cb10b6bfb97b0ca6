// @ts-check
import { text } from './language.js';
import { nameOf } from './pops.js';

/** @typedef {'full' | 'number' | 'none'} Level what a notification may say of a call */

/** @returns {NotificationPermission | 'unsupported'} */
export const permission = () => 'Notification' in window ? Notification.permission : 'unsupported';

/** Has the browser ask the agent. Only a press of a button leads here. */
export async function askPermission() {
  if (permission() === 'default') await Notification.requestPermission();
  return permission();
}

/** Calls back when the permission changes, in whichever tab that was. @param {() => void} changed */
export async function onPermission(changed) {
  try {
    (await navigator.permissions.query({ name: 'notifications' })).addEventListener('change', changed);
  } catch { /* a browser that does not tell */ }
}

/** Desktop notifications that this tab has shown. They go with what they speak of. */
export class Notices {
  /** @param {(id: string) => void} pressed the tab is in front by then */
  constructor(pressed) {
    this.pressed = pressed;
    /** @type {Map<string, Notification>} */
    this.open = new Map();
    addEventListener('pagehide', () => this.closeAll());
  }

  /** Tells of a call, and whether that worked. @param {import('./pops.js').Pop} pop @param {Level} level */
  call(pop, level) {
    if (level !== 'full' && level !== 'number') return false;
    const number = pop.call.display || pop.call.number;
    const name = level === 'full' ? nameOf(pop) : number;
    const more = [text.noticeOf(pop.call.direction), name === number ? '' : number, level === 'full' && pop.call.queue ? text.queue(pop.call.queue) : ''];
    return this.show(pop.id, name, more.filter(Boolean).join(' · '), pop.call.state === 'ringing');
  }

  /**
   * @param {string} id what it is about; the browser shows one at most of each
   * @param {string} title
   * @param {string} body
   * @param {boolean} stays until it is closed
   */
  show(id, title, body, stays) {
    if (permission() !== 'granted') return false;
    try {
      // Silent: whether there is a sound is a setting of its own.
      const notice = new Notification(title, {
        body, tag: `smokepop-${id}`, silent: true, requireInteraction: stays, dir: 'auto',
        icon: document.querySelector('link[rel="icon"]')?.getAttribute('href') ?? '',
      });
      notice.onclick = () => {
        window.focus();
        notice.close();
        this.pressed(id);
      };
      notice.onclose = () => { if (this.open.get(id) === notice) this.open.delete(id); };
      this.open.set(id, notice);
      return true;
    } catch {
      return false; // telephones want a service worker for it
    }
  }

  /** @param {string} id */
  close(id) {
    this.open.get(id)?.close();
    this.open.delete(id);
  }

  /** Closes those of calls that are over. @param {(id: string) => boolean} is */
  keep(is) {
    for (const id of [...this.open.keys()]) if (!is(id)) this.close(id);
  }

  closeAll() {
    for (const id of [...this.open.keys()]) this.close(id);
  }
}
