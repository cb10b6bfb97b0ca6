// @ts-check
/**
 * What a page does whose machine, of several, is cut off from the others: it looks
 * for one that is not, in the background, and meanwhile stays. Calls come to the
 * machine here still, from a PBX that reaches it. After moving over, the socket
 * before stays open for the calls that it alone knows of, until they are over.
 *
 * @typedef {object} Moves
 * @property {(socket: WebSocket, hello: any) => void} move  a machine was found that is in touch with the others
 * @property {(message: any) => void} message  of a call that only the machine before knows
 */

// The longest waits before looking, one try after the other. The others take two
// seconds to take over what the machine here had.
const DELAYS = [500, 1000, 1000, 2000, 4000, 8000, 16_000, 30_000];
const LEAST_FIRST = 0.1;
const LEAST = 0.5;
const HELLO_WITHIN = 15_000;
// A machine that is gone altogether ends nothing any more.
const REST_MOST = 5 * 60_000;

/** @param {string} [query] */
export const socketAddress = (query = '') => location.origin.replace(/^http/, 'ws') + '/ws' + query;

/** Closes a websocket that nobody listens to any more. @param {WebSocket} socket */
export function leave(socket) {
  socket.onmessage = socket.onclose = null;
  socket.close();
}

/** Whether a message tells that smokepop's other machines cannot be reached. @param {any} message */
const isCutOff = (message) => message.cluster?.state === 'cut-off';

export class Elsewhere {
  /** @param {Moves} moves */
  constructor(moves) {
    this.moves = moves;
    /** @type {Map<string, any>} the pops that are up, as they were last told */
    this.up = new Map();
    /** @type {WebSocket | null} that looks for another machine */
    this.scout = null;
    this.tries = 0;
    this.timer = 0;
    /** @type {WebSocket | null} the one before, for the rest */
    this.before = null;
    /** @type {Set<string>} pops that only the machine before knows */
    this.rest = new Set();
    this.restTimer = 0;
  }

  /** A frame has come by the page's own socket. @param {any} message */
  heard(message) {
    if (message.type === 'hello') this.up.clear();
    for (const pop of message.pops ?? (message.pop ? [message.pop] : [])) this.show(message.type, pop);
    if (message.type === 'end') this.over(message.id);
    if (message.type !== 'hello' && message.type !== 'cluster') return;
    if (!isCutOff(message)) this.stay();
    else if (!this.scout && !this.timer) this.later();
  }

  /** @param {string} type @param {any} pop */
  show(type, pop) {
    if (type === 'past') return;
    this.up.set(pop.id, pop);
    if (type !== 'hello') this.known(pop.id);
  }

  /** The page has told something of a pop. @param {any} message */
  sent(message) {
    if (this.before?.readyState === WebSocket.OPEN) this.before.send(JSON.stringify(message));
    if (message.type === 'dismiss') this.over(message.id);
  }

  /** Looks no further. */
  stay() {
    clearTimeout(this.timer);
    this.timer = this.tries = 0;
    if (this.scout) leave(this.scout);
    this.scout = null;
  }

  later() {
    if (this.scout) leave(this.scout);
    this.scout = null;
    clearTimeout(this.timer);
    const least = this.tries ? LEAST : LEAST_FIRST;
    const longest = DELAYS[Math.min(this.tries++, DELAYS.length - 1)];
    this.timer = setTimeout(() => this.look(), longest * (least + Math.random() * (1 - least)));
  }

  look() {
    const scout = new WebSocket(socketAddress('?elsewhere=1'), 'smokepop.v1');
    this.scout = scout;
    this.timer = setTimeout(() => this.later(), HELLO_WITHIN);
    scout.onclose = () => this.later();
    scout.onmessage = ({ data }) => {
      let hello;
      try {
        hello = JSON.parse(data);
      } catch {
        return this.later();
      }
      if (hello.type !== 'hello' || isCutOff(hello)) return this.later();
      this.scout = null; // it is the page's own from here on
      this.stay();
      this.moves.move(scout, hello);
    };
  }

  /**
   * The page has moved over. Returns the hello with the pops that only the machine
   * before knows.
   * @param {WebSocket | null} before
   * @param {any} hello
   */
  moved(before, hello) {
    const known = new Set(hello.pops.map((/** @type {any} */ p) => p.id));
    for (const id of known) this.rest.delete(id);
    const rest = [...this.up.values()].filter((p) => !known.has(p.id));
    if (this.before) leave(this.before);
    this.before = before;
    this.rest = new Set(rest.map((p) => p.id));
    clearTimeout(this.restTimer);
    this.restTimer = setTimeout(() => this.endRest(), REST_MOST);
    if (before) {
      before.onmessage = ({ data }) => this.older(data);
      before.onclose = () => this.endRest();
    }
    this.settle();
    return { ...hello, pops: [...hello.pops, ...rest] };
  }

  /** A frame has come by the socket before. @param {any} data */
  older(data) {
    let message;
    try {
      message = JSON.parse(data);
    } catch {
      return;
    }
    const id = message.pop?.id ?? message.id;
    if (message.type === 'pop' && !this.up.has(id)) {
      this.rest.add(id);
      this.up.set(id, message.pop);
    } else if (!this.rest.has(id) || (message.type !== 'update' && message.type !== 'end')) {
      return; // the machine of now knows it better
    }
    this.moves.message(message);
    if (message.type === 'end') this.over(id);
  }

  /** @param {string} id */
  over(id) {
    this.up.delete(id);
    this.known(id);
  }

  /** A pop is not the machine before's alone, or over. @param {string} id */
  known(id) {
    if (this.rest.delete(id)) this.settle();
  }

  /** Lets go of the socket before once there is nothing left for it. */
  settle() {
    if (this.rest.size) return;
    clearTimeout(this.restTimer);
    if (this.before) leave(this.before);
    this.before = null;
  }

  /** Nobody tells any more what becomes of the rest. */
  endRest() {
    for (const id of [...this.rest]) {
      this.moves.message({ type: 'end', id, reason: 'terminated' });
      this.over(id);
    }
    this.settle();
  }

  drop() {
    this.stay();
    this.rest.clear();
    this.settle();
  }
}
