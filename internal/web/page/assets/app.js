// @ts-check
import { stays } from './arrival.js';
import { request } from './api.js';
import { heard, now, watch } from './clock.js';
import { ask, withdraw } from './confirm.js';
import { dialBy, dialled } from './dial.js';
import { byId, say } from './dom.js';
import { showHint } from './hint.js';
import { fill, text } from './language.js';
import { Notices, permission } from './notices.js';
import { isPaired, pairingNews, pairingWindowDone, pairingWindowFailed, showPairing } from './pairing.js';
import { announcement, nameOf, Pops } from './pops.js';
import { Recent } from './recent.js';
import { closeSettings, onSettings, settings, settingsAre } from './settings.js';
import { offerSignIn } from './ways.js';
import { Connection } from './socket.js';
import { sound } from './sound.js';
import { inFront, once } from './voice.js';

const CLOSED_SIGNED_OUT = 4501;
const CLOSED_BY_ADMIN = 4503;
const CLOSED_PROTOCOL = 4504;
// A page that is open is in use, and its warnings should be of today.
const ASK_EVERY = 6 * 3600 * 1000;
// A reconnect within this time is nobody's business.
const QUIET = 3000;

const channel = new BroadcastChannel('smokepop');
const recent = new Recent(byId('recent'), byId('recent-empty'));
const pops = new Pops(byId('pops'), dismiss, opened, popsChanged);
const notices = new Notices((id) => pops.focus(id));
/** @type {Connection} */
let connection;
let nextTry = 0;
let downSince = 0;
let outage = false; // the notice speaks of the connection
let asked = false; // what hello does not say is known, and the clock is right
let signIn = { method: '', since: '' };
let leaving = false; // the agent signs out, in this tab or another one

/**
 * A call is new on this page: it is said once here, and once in all of this
 * browser's tabs where there is more to say.
 * @param {import('./pops.js').Pop} pop
 * @param {boolean} replayed it may have been going on for a while
 */
function arrived(pop, replayed) {
  announce(pop);
  const ringing = pop.call.state === 'ringing';
  if (replayed && !ringing) return;
  const same = () => pops.live().some((p) => p.id === pop.id && p.call.state === pop.call.state);
  if (settings().notification !== 'none' && permission() === 'granted') once(`notice ${pop.id}`, () => same() && notices.call(pop, settings().notification));
  if (settings().sound && ringing && pop.call.direction !== 'outbound') once(`sound ${pop.id}`, () => same() && sound());
}

/** There is nothing to tell of a call any more, in none of the tabs. @param {string} id */
function quiet(id) {
  notices.close(id);
  channel.postMessage({ quiet: id });
}

/** @param {import('./pops.js').Pop} pop */
function announce(pop) {
  byId('announce').textContent = announcement(pop);
}

function popsChanged() {
  pops.mark();
  titled();
  byId('empty').hidden = pops.cards.size > 0;
}

/** What is seen of a tab that is behind others. */
function titled() {
  const ringing = pops.live().filter((p) => p.call.state === 'ringing');
  document.title = document.body.dataset.state === 'signed-out' ? text.titleSignedOut
    : outage || connection?.state === 'stopped' ? text.titleNotConnected
    : ringing.length ? text.title(nameOf(ringing[0]), ringing.length - 1) : 'smokepop';
}

function pairingChanged() {
  say(byId('empty-text'), isPaired() ? text.emptyText : text.emptyUnpaired);
  showHint();
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

/** @param {string} id */
function opened(id) {
  quiet(id);
  return connection.send({ type: 'open', id });
}

/** @param {string} id @param {string} reason @param {string} answeredBy */
function over(id, reason, answeredBy) {
  quiet(id);
  const pop = pops.end(id, reason, answeredBy);
  if (pop) recent.add({ ...pop, ended: new Date(now()).toISOString(), reason, answered_by: answeredBy, outcome: pop.contacts.length ? 'matched' : pop.pending ? 'too-late' : 'no-match' });
}

/** @param {any} m */
function message(m) {
  switch (m.type) {
    case 'hello':
      if (!asked) me(); // it could not be asked before
      settingsAre(m.settings);
      showAgent(m.agent);
      showPairing(m.pairing, m.agent.email);
      pairingChanged();
      recent.replace(m.recent);
      serviceChanged(m.service?.state ?? 'ok');
      pops.replace(m.pops).forEach((p) => arrived(p, true));
      notices.keep((id) => pops.live().some((p) => p.id === id));
      break;
    case 'pop':
      if (m.pop.call.direction === 'outbound') dialled();
      if (pops.put(m.pop)) arrived(m.pop, false);
      break;
    case 'update':
      if (pops.stateOf(m.pop.id) === 'ringing' && m.pop.call.state !== 'ringing') quiet(m.pop.id);
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
    case 'settings':
      settingsAre(m.settings);
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
  seen();
  showTrouble();
}

function seen() {
  inFront(!document.hidden && connection?.state === 'connected');
}

function showTrouble() {
  if (connection?.state === 'stopped') return;
  if (!downSince) {
    if (!outage) return;
    byId('trouble').hidden = true;
    outage = false;
    titled();
  } else if (Date.now() - downSince >= QUIET) {
    if (!outage) notices.closeAll(); // what they tell may be over by now
    outage = true;
    trouble(text.unreachable, text.tryNow);
    say(byId('trouble-count'), text.nextTry(Math.ceil((nextTry - Date.now()) / 1000)));
  }
}

// What stands before an admin's words in a close frame.
const ADMIN_SAYS = 'ended-by-admin: ';

/** @param {number} code @param {string} told */
function stopped(code, told) {
  if (code >= CLOSED_PROTOCOL) return trouble(text.outdated, text.reload);
  const byAdmin = told.startsWith(ADMIN_SAYS) ? text.endedByAdminWhy(told.slice(ADMIN_SAYS.length)) : text.endedByAdmin;
  const reason = code === CLOSED_BY_ADMIN ? byAdmin : leaving ? text.signedOutHere : text.sessionEnded;
  signedOut(reason);
  // Silence from here on would be taken for a quiet day.
  if (!leaving && settings().notification !== 'none') {
    once(`signed-out ${signIn.since}`, () => notices.show('signed-out', text.titleSignedOut, reason, false));
  }
}

/** @param {string} words @param {string} button */
function trouble(words, button) {
  byId('trouble').hidden = false;
  say(byId('trouble-text'), words);
  say(byId('trouble-count'), '');
  say(byId('retry'), button);
  titled();
}

/** @param {string} reason */
function signedOut(reason) {
  byId('trouble').hidden = true;
  pops.replace([]);
  recent.replace([]);
  closeSettings();
  withdraw();
  notices.closeAll();
  say(byId('signed-out-reason'), reason);
  document.body.dataset.state = 'signed-out';
  titled();
  offerSignIn();
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
    heard(answer.date);
    pops.tick();
    asked = true;
    signIn = answer.data.sign_in;
    showAgent(answer.data.agent);
    dialBy(answer.data.dial || 'off');
    // A frame that has come meanwhile may be younger than this answer.
    if (pairingNews() === before) showPairing(answer.data.pairing, answer.data.agent.email);
    pairingChanged();
  }
  return true;
}

/** Asks whether the session lasts still. */
async function check() {
  if (!(await me())) connection.stop(CLOSED_SIGNED_OUT);
}

/** The computer has slept, or its clock was set. */
function jumped() {
  asked = false;
  check();
  connection.now();
}

async function signOut() {
  const back = signIn.method === 'invite' ? text.signOutText : text.signOutTextSelf;
  if (!(await ask(text.signOutTitle, back, text.signOut))) return;
  leaving = true;
  channel.postMessage('leaving');
  const answer = await request('DELETE', '/api/session');
  if (answer.status === 204 || answer.status === 401) {
    channel.postMessage('left');
    return connection.stop(CLOSED_SIGNED_OUT);
  }
  leaving = false;
  channel.postMessage('staying');
  trouble(answer.problem, '');
}

/** Another tab of this browser, or its pairing window, has something to tell. @param {any} data */
function heardFrom(data) {
  switch (data) {
    case 'pairing-done':
      pairingWindowDone();
      me();
      break;
    case 'pairing-failed':
      pairingWindowFailed();
      break;
    case 'signed-in':
      location.reload();
      break;
    case 'leaving':
    case 'staying':
      leaving = data === 'leaving';
      break;
    case 'left':
      if (document.body.dataset.state === 'signed-in') connection.stop(CLOSED_SIGNED_OUT);
      break;
    default:
      if (data?.quiet) notices.close(data.quiet);
  }
}

/**
 * Enter opens the card on top, unless something has the focus that Enter may be
 * meant for.
 * @param {KeyboardEvent} e
 */
function pressed(e) {
  if (e.key !== 'Enter' || e.repeat || e.isComposing || e.defaultPrevented || e.altKey || e.ctrlKey || e.metaKey || e.shiftKey) return;
  if ((document.activeElement && document.activeElement !== document.body) || document.querySelector('dialog[open]')) return;
  pops.openFirst();
}

async function start() {
  fill();
  say(byId('empty-title'), text.emptyTitle);
  channel.onmessage = ({ data }) => heardFrom(data);
  onSettings(showHint);
  addEventListener('keydown', pressed);
  document.addEventListener('visibilitychange', seen);
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
  setInterval(check, ASK_EVERY);
  watch(jumped);
  connection.now();
}

if (stays) start();
