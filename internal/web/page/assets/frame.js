// @ts-check
/**
 * Live calls in a frame of another page. What makes noise or asks for something
 * is left to the page in a tab: notifications, sound, pairing, settings, calling.
 */
import { stays } from './arrival.js';
import { resized } from './surroundings.js';
import { request } from './api.js';
import { heard, watch } from './clock.js';
import { byId, say } from './dom.js';
import { fill, text } from './language.js';
import { announcement, Pops } from './pops.js';
import { Connection } from './socket.js';

const CLOSED_SIGNED_OUT = 4501;
const CLOSED_PROTOCOL = 4504;
// A reconnect within this time is nobody's business.
const QUIET = 3000;

const pops = new Pops(byId('pops'), (id) => connection.send({ type: 'dismiss', id }) && pops.end(id, 'dismissed', ''), (id) => connection.send({ type: 'open', id }), changed);
/** @type {Connection} */
let connection;
let downSince = 0;
/** @type {Promise<boolean> | null} */
let entering = null;

/** @param {any} m */
function message(m) {
  switch (m.type) {
    case 'hello':
      callsCome(m.pairing.state === 'paired');
      pops.replace(m.pops).forEach(announce);
      break;
    case 'pop':
      if (pops.put(m.pop)) announce(m.pop);
      break;
    case 'update':
      pops.put(m.pop);
      break;
    case 'end':
      pops.end(m.id, m.reason, m.answered_by ?? '');
      break;
    case 'pairing':
      callsCome(m.pairing.state === 'paired');
      break;
  }
}

/**
 * Nobody is shown calls without a pairing. The page in a tab says what to do
 * about it; here is only said that there is something, as silence would be taken
 * for a quiet day.
 * @param {boolean} come
 */
function callsCome(come) {
  byId('attention').hidden = come;
  const link = /** @type {HTMLAnchorElement} */ (byId('attention-link'));
  if (come) link.removeAttribute('href');
  else link.href = '/';
  changed();
}

/** @param {import('./pops.js').Pop} pop */
function announce(pop) {
  byId('announce').textContent = announcement(pop);
}

function changed() {
  const { state = 'connecting' } = connection ?? {};
  say(byId('connection-text'), state !== 'connected' ? text.connection[state] : pops.cards.size ? '' : text.emptyTitle);
  resized();
}

/** @param {import('./socket.js').ConnectionState} state */
function connectionChanged(state) {
  byId('connection').dataset.state = state;
  changed();
  if (state === 'connected' || state === 'connecting') downSince = 0;
  else if (!downSince) downSince = Date.now();
  showTrouble();
}

/** Silence that comes of an outage is not taken for a quiet day. */
function showTrouble() {
  if (connection?.state === 'stopped') return;
  trouble(downSince && Date.now() - downSince >= QUIET ? text.unreachable : '');
}

/** @param {string} words */
function trouble(words) {
  say(byId('trouble'), words);
  resized();
}

/** @param {number} code */
function stopped(code) {
  if (code >= CLOSED_PROTOCOL) return trouble(text.outdated);
  signedOut(text.frameSignedOut);
}

/** @param {string} sentence */
function signedOut(sentence) {
  trouble('');
  callsCome(true); // of nobody, there is nothing to say
  pops.replace([]);
  document.body.dataset.state = 'signed-out';
  byId('connect').hidden = false;
  say(byId('connect-link'), sentence);
  resized();
}

/** Asks whether there is a session. */
async function signedIn() {
  const answer = await request('GET', '/api/me');
  if (answer.status === 200) heard(answer.date);
  return answer.status !== 401;
}

/** Shows calls, if there is a session to show them of, and tells whether there is. */
function enter() {
  entering ??= tryToEnter().finally(() => { entering = null; });
  return entering;
}

async function tryToEnter() {
  if (document.body.dataset.state === 'signed-in') return true;
  if (!(await signedIn())) return false;
  byId('connect').hidden = true;
  document.body.dataset.state = 'signed-in';
  connection.state = 'connecting';
  connection.now();
  resized();
  return true;
}

/**
 * The tab that the link here has opened brings a ticket. Where the session's own
 * cookie does not come along, as in a page on another site, this frame gets one
 * of its own for it.
 * @param {MessageEvent} e
 */
async function heardFrom({ source, origin, data }) {
  if (origin !== location.origin || source === window.parent || data?.smokepop !== 'ticket') return;
  const answer = (/** @type {string} */ outcome) => /** @type {Window} */ (source).postMessage({ smokepop: outcome }, location.origin);
  if (await enter()) return answer('connected');
  const { status, problem } = await request('POST', '/api/embed/session', { ticket: String(data.ticket) });
  if (status !== 204) {
    say(byId('connect-link'), problem);
    resized();
    return answer('failed');
  }
  if (await enter()) return answer('connected');
  say(byId('connect-link'), text.frameRefused);
  resized();
  answer('refused');
}

/** The computer has slept, or its clock was set. */
async function jumped() {
  if (document.body.dataset.state !== 'signed-in') return;
  if (await signedIn()) connection.now();
  else connection.stop(CLOSED_SIGNED_OUT);
}

async function start() {
  fill();
  say(byId('attention-link'), text.frameAttention);
  // Of tabs of the same browser and site; on another site there are none.
  new BroadcastChannel('smokepop').onmessage = ({ data }) => { if (data === 'signed-in') enter(); };
  addEventListener('message', heardFrom);
  addEventListener('focus', enter);
  document.addEventListener('visibilitychange', () => { if (!document.hidden) enter(); });
  connection = new Connection({ message, state: connectionChanged, stopped, signedIn });
  setInterval(showTrouble, 1000);
  watch(jumped);
  if (await enter()) return;
  connection.drop();
  connection.state = 'stopped';
  signedOut(text.frameSignedOut);
}

// In a tab of its own there is more to see.
if (window.parent === window) location.replace('/');
else if (stays) start();
