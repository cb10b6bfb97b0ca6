// @ts-check
import { Elsewhere, leave, socketAddress } from './elsewhere.js';

/**
 * The connection to smokepop, protocol smokepop.v1. It comes back by itself
 * after everything that passes, and stops for what does not. Where smokepop is
 * several machines and the one here is cut off from the others, it moves over to
 * another one.
 *
 * @typedef {'connecting' | 'connected' | 'reconnecting' | 'stopped'} ConnectionState
 *
 * @typedef {object} Handlers
 * @property {(message: any) => void} message  a frame; hello comes first, after every reconnect
 * @property {(state: ConnectionState, nextTry: number) => void} state  nextTry: when, in ms since 1970; 0 = now
 * @property {(code: number, reason: string) => void} stopped  a close code from 4500 on, or 4501 for "no session"
 * @property {() => Promise<boolean>} signedIn  asked when a try fails: is there a session still?
 */

// The longest waits before one try after the other; then the last one for ever.
// What a machine of several leaves behind another has taken over within two seconds,
// so the first tries are close together.
const DELAYS = [500, 600, 600, 800, 1000, 2000, 4000, 8000, 16_000, 30_000];
// How much of a wait there is at least. Thousands of pages may lose one machine in
// the same moment: the first tries of all are spread over half a second.
const LEAST_FIRST = 0.1;
const LEAST = 0.5;
// A smokepop that stops closes one page after the other, so that they need not wait
// to be spread.
const CLOSED_RESTART = 4000;
const RESTART_DELAY = 250;
const HELLO_WITHIN = 15_000;
const STABLE_AFTER = 5000;

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
    this.elsewhere = new Elsewhere({ move: (socket, hello) => this.move(socket, hello), message: (m) => this.handlers.message(m) });

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
    this.helloTimer = setTimeout(() => this.later(), HELLO_WITHIN);
    this.hold(new WebSocket(socketAddress(), 'smokepop.v1'));
  }

  /** @param {WebSocket} socket */
  hold(socket) {
    this.socket = socket;
    this.seq = -1;
    socket.onmessage = (e) => this.frame(e.data);
    socket.onclose = (e) => {
      if (e.code >= 4500 && e.code < 5000) this.stop(e.code, e.reason);
      else this.later(e.code === CLOSED_RESTART);
    };
  }

  /**
   * Goes on with another machine's socket, without anybody noticing.
   * @param {WebSocket} socket
   * @param {any} hello
   */
  move(socket, hello) {
    const before = this.socket;
    this.hold(socket);
    this.take(this.elsewhere.moved(before, hello));
  }

  /** @param {any} message */
  send(message) {
    if (this.state !== 'connected' || this.socket?.readyState !== WebSocket.OPEN) return false;
    this.socket.send(JSON.stringify(message));
    this.elsewhere.sent(message);
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
    if (message.type !== 'hello') {
      if (this.seq < 0 || message.seq > this.seq + 1) return this.later(); // something is missing: hello brings all of it
      if (message.seq <= this.seq) return; // known already
    }
    this.take(message);
  }

  /** @param {any} message the next one */
  take(message) {
    this.seq = message.seq;
    this.elsewhere.heard(message);
    this.handlers.message(message);
    if (message.type !== 'hello') return;
    clearTimeout(this.helloTimer);
    clearTimeout(this.stableTimer);
    this.stableTimer = setTimeout(() => { this.tries = 0; }, STABLE_AFTER);
    if (this.state !== 'connected') this.set('connected', 0);
  }

  /**
   * Waits, longer each time and never as long as the neighbour, and tries again.
   * @param {boolean} [told] by a smokepop that stops
   */
  later(told = false) {
    const greeted = this.state === 'connected';
    this.drop();
    const first = this.tries === 0;
    const longest = first && told ? RESTART_DELAY : DELAYS[Math.min(this.tries, DELAYS.length - 1)];
    const least = !first ? LEAST : told ? 0 : LEAST_FIRST;
    this.tries++;
    const delay = longest * (least + Math.random() * (1 - least));
    this.set('reconnecting', Date.now() + delay);
    this.retryTimer = setTimeout(async () => {
      // The browser does not say why a websocket was refused.
      if (!greeted && !(await this.handlers.signedIn())) return this.stop(4501);
      if (this.state === 'reconnecting' && !this.socket) this.now();
    }, delay);
  }

  /** Lets go of the websockets and of all that waits. */
  drop() {
    clearTimeout(this.retryTimer);
    clearTimeout(this.helloTimer);
    clearTimeout(this.stableTimer);
    this.elsewhere.drop();
    const socket = this.socket;
    this.socket = null;
    if (socket) leave(socket);
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
