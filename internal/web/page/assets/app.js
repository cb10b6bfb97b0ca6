// @ts-check
import { stays } from './arrival.js';
import { request } from './api.js';
import { ask } from './confirm.js';
import { dialBy, dialKnown, dialled } from './dial.js';
import { byId, say } from './dom.js';
import { fill, text } from './language.js';
import { isPaired, pairingNews, pairingWindowDone, pairingWindowFailed, showPairing } from './pairing.js';
import { nameOf, Pops } from './pops.js';
import { Recent } from './recent.js';
import { Connection } from './socket.js';

const CLOSED_BY_ADMIN = 4503;
const CLOSED_PROTOCOL = 4504;
// A page that is open is in use, and its warnings should be of today.
const ASK_EVERY = 6 * 3600 * 1000;
// A reconnect within this time is nobody's business.
const QUIET = 3000;

const channel = new BroadcastChannel('smokepop');
const recent = new Recent(byId('recent'), byId('recent-empty'));
const pops = new Pops(byId('pops'), dismiss, (id) => connection.send({ type: 'open', id }), popsChanged);
/** @type {Connection} */
let connection;
let nextTry = 0;
let downSince = 0;
let outage = false; // the notice speaks of the connection

/** @param {import('./pops.js').Pop} pop */
function announce(pop) {
  byId('announce').textContent = text.announce(
    pop.call.direction, nameOf(pop), pop.call.display || pop.call.number, Math.max(0, pop.contacts.length - 1) + pop.more);
}

function popsChanged() {
  const live = pops.live();
  const ringing = live.filter((p) => p.call.state === 'ringing');
  document.title = ringing.length ? text.title(nameOf(ringing[0]), ringing.length - 1) : 'smokepop';
  byId('empty').hidden = pops.cards.size > 0;
}

function pairingChanged() {
  say(byId('empty-text'), isPaired() ? text.emptyText : text.emptyUnpaired);
}

/** @param {string} state */
function serviceChanged(state) {
  const down = state === 'not-answering';
  byId('service').dataset.state = state;
  byId('service').hidden = !down;
  say(byId('service-text'), down ? text.notAnswering : '');
}

/** @param {string} id */
function dismiss(id) {
  if (connection.send({ type: 'dismiss', id })) over(id, 'dismissed', '');
}

/** @param {string} id @param {string} reason @param {string} answeredBy */
function over(id, reason, answeredBy) {
  const pop = pops.end(id, reason, answeredBy);
  if (pop) recent.add({ ...pop, ended: new Date(Date.now() + pops.skew).toISOString(), reason, answered_by: answeredBy, outcome: pop.contacts.length ? 'matched' : 'no-match' });
}

/** @param {any} m */
function message(m) {
  switch (m.type) {
    case 'hello':
      if (!dialKnown()) me(); // it could not be asked before
      showAgent(m.agent);
      showPairing(m.pairing, m.agent.email);
      pairingChanged();
      recent.replace(m.recent);
      serviceChanged(m.service?.state ?? 'ok');
      pops.replace(m.pops).forEach(announce);
      break;
    case 'pop':
      if (m.pop.call.direction === 'outbound') dialled();
      pops.put(m.pop);
      announce(m.pop);
      break;
    case 'update':
      pops.put(m.pop);
      break;
    case 'end':
      over(m.id, m.reason, m.answered_by ?? '');
      break;
    case 'past':
      recent.add(m.pop);
      break;
    case 'service':
      serviceChanged(m.service.state);
      break;
    case 'pairing':
      showPairing(m.pairing);
      if (m.pairing.state === 'unpaired') recent.replace([]); // the names came by that pairing
      pairingChanged();
      break;
  }
}

/** @param {import('./socket.js').ConnectionState} state @param {number} at */
function connectionChanged(state, at) {
  const sign = byId('connection');
  sign.dataset.state = state;
  say(byId('connection-text'), text.connection[state]);
  if (state === 'connected' || state === 'connecting') downSince = 0;
  else if (!downSince) downSince = Date.now();
  nextTry = at;
  showTrouble();
}

function showTrouble() {
  if (connection?.state === 'stopped') return;
  if (!downSince) {
    if (outage) byId('trouble').hidden = true;
    outage = false;
  } else if (Date.now() - downSince >= QUIET) {
    outage = true;
    trouble(text.unreachable, text.tryNow);
    say(byId('trouble-count'), text.nextTry(Math.ceil((nextTry - Date.now()) / 1000)));
  }
}

/** @param {number} code */
function stopped(code) {
  if (code !== CLOSED_BY_ADMIN && code < CLOSED_PROTOCOL) return signedOut(text.signedOutHere);
  if (code === CLOSED_BY_ADMIN) return signedOut(text.endedByAdmin);
  trouble(text.outdated, text.reload);
}

/** @param {string} words @param {string} button */
function trouble(words, button) {
  byId('trouble').hidden = false;
  say(byId('trouble-text'), words);
  say(byId('trouble-count'), '');
  say(byId('retry'), button);
}

/** @param {string} reason */
function signedOut(reason) {
  byId('trouble').hidden = true;
  pops.replace([]);
  recent.replace([]);
  say(byId('signed-out-reason'), reason);
  document.body.dataset.state = 'signed-out';
}

/** @param {{name: string, extension: string}} agent */
function showAgent(agent) {
  say(byId('agent-name'), agent.name);
  say(byId('agent-extension'), text.extension(agent.extension));
}

/** Asks who is signed in. Returns false when nobody is. */
async function me() {
  const before = pairingNews();
  const answer = await request('GET', '/api/me');
  if (answer.status === 401) return false;
  if (answer.status === 200) {
    const date = Date.parse(answer.date);
    if (!Number.isNaN(date)) pops.skew = Math.abs(date - Date.now()) < 2000 ? 0 : date - Date.now();
    showAgent(answer.data.agent);
    dialBy(answer.data.dial || 'off');
    // A frame that has come meanwhile may be younger than this answer.
    if (pairingNews() === before) showPairing(answer.data.pairing, answer.data.agent.email);
    pairingChanged();
  }
  return true;
}

async function signOut() {
  if (!(await ask(text.signOutTitle, text.signOutText, text.signOut))) return;
  const answer = await request('DELETE', '/api/session');
  if (answer.status === 204 || answer.status === 401) return connection.stop(4501);
  trouble(answer.problem, '');
}

async function start() {
  fill();
  say(byId('empty-title'), text.emptyTitle);
  channel.onmessage = ({ data }) => {
    if (data === 'pairing-done') {
      pairingWindowDone();
      me();
    }
    if (data === 'pairing-failed') pairingWindowFailed();
    if (data === 'signed-in') location.reload();
  };
  byId('sign-out').addEventListener('click', signOut);
  byId('retry').addEventListener('click', () => (connection.state === 'stopped' ? location.reload() : connection.now()));
  connection = new Connection({ message, state: connectionChanged, stopped, signedIn: me });
  if (!(await me())) {
    connection.drop();
    connection.state = 'stopped';
    return signedOut(text.signedOut);
  }
  document.body.dataset.state = 'signed-in';
  setInterval(showTrouble, 1000);
  setInterval(async () => {
    if (!(await me())) connection.stop(4501);
  }, ASK_EVERY);
  connection.now();
}

if (stays) start();
