// @ts-check
/**
 * The connection to smokepop, protocol smokepop.v1. It comes back by itself
 * after everything that passes, and stops for what does not.
 *
 * @typedef {'connecting' | 'connected' | 'reconnecting' | 'stopped'} ConnectionState
 *
 * @typedef {object} Handlers
 * @property {(message: any) => void} message  a frame; hello comes first, after every reconnect
 * @property {(state: ConnectionState, nextTry: number) => void} state  nextTry: when, in ms since 1970; 0 = now
 * @property {(code: number, reason: string) => void} stopped  a close code from 4500 on, or 4501 for "no session"
 * @property {() => Promise<boolean>} signedIn  asked when a try fails: is there a session still?
 */

const FIRST_DELAY = 500;
const LONGEST_DELAY = 30_000;
const HELLO_WITHIN = 15_000;
const STABLE_AFTER = 10_000;

export class Connection {
  /** @param {Handlers} handlers */
  constructor(handlers) {
    this.handlers = handlers;
    /** @type {WebSocket | null} */
    this.socket = null;
    /** @type {ConnectionState} */
    this.state = 'connecting';
    this.tries = 0;
    this.seq = 0;
    this.retryTimer = 0;
    this.helloTimer = 0;
    this.stableTimer = 0;

    addEventListener('online', () => this.now());
    // A socket does not notice by itself that its network is gone.
    addEventListener('offline', () => { if (this.state === 'connected') this.later(); });
    addEventListener('pageshow', (e) => { if (e.persisted) this.now(); });
    document.addEventListener('visibilitychange', () => {
      if (!document.hidden && this.state === 'reconnecting') this.now();
    });
  }

  /** Connects at once, whatever was there before. */
  now() {
    if (this.state === 'stopped') return;
    this.drop();
    this.set(this.state === 'connecting' ? 'connecting' : 'reconnecting', 0);
    const socket = new WebSocket(location.origin.replace(/^http/, 'ws') + '/ws', 'smokepop.v1');
    this.socket = socket;
    this.seq = -1;
    this.helloTimer = setTimeout(() => this.later(), HELLO_WITHIN);
    socket.onmessage = (e) => this.frame(e.data);
    socket.onclose = (e) => {
      if (e.code >= 4500 && e.code < 5000) this.stop(e.code, e.reason);
      else this.later();
    };
  }

  /** @param {object} message */
  send(message) {
    if (this.state !== 'connected' || this.socket?.readyState !== WebSocket.OPEN) return false;
    this.socket.send(JSON.stringify(message));
    return true;
  }

  /** @param {number} code @param {string} [reason] of the close frame */
  stop(code, reason = '') {
    this.drop();
    this.set('stopped', 0);
    this.handlers.stopped(code, reason);
  }

  /** @param {any} data */
  frame(data) {
    let message;
    try {
      message = JSON.parse(data);
    } catch {
      return this.later();
    }
    if (message.type === 'hello') {
      clearTimeout(this.helloTimer);
      this.stableTimer = setTimeout(() => { this.tries = 0; }, STABLE_AFTER);
      this.seq = message.seq;
      this.handlers.message(message);
      return this.set('connected', 0);
    }
    if (this.seq < 0 || message.seq > this.seq + 1) return this.later(); // something is missing: hello brings all of it
    if (message.seq <= this.seq) return; // known already
    this.seq = message.seq;
    this.handlers.message(message);
  }

  /** Waits, longer each time and never as long as the neighbour, and tries again. */
  later() {
    const greeted = this.state === 'connected';
    this.drop();
    const longest = Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** this.tries++);
    const delay = longest * (0.5 + Math.random() / 2);
    this.set('reconnecting', Date.now() + delay);
    this.retryTimer = setTimeout(async () => {
      // The browser does not say why a websocket was refused.
      if (!greeted && !(await this.handlers.signedIn())) return this.stop(4501);
      if (this.state === 'reconnecting' && !this.socket) this.now();
    }, delay);
  }

  /** Lets go of the websocket and of all that waits. */
  drop() {
    clearTimeout(this.retryTimer);
    clearTimeout(this.helloTimer);
    clearTimeout(this.stableTimer);
    const socket = this.socket;
    this.socket = null;
    if (!socket) return;
    socket.onmessage = socket.onclose = null;
    socket.close();
  }

  /**
   * @param {ConnectionState} state
   * @param {number} nextTry
   */
  set(state, nextTry) {
    this.state = state;
    this.handlers.state(state, nextTry);
  }
}
