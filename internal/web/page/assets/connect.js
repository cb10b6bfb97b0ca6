// @ts-check
/**
 * The tab that a frame in another page opens. It gives the frame a ticket for
 * what is signed in here, and closes itself. Only a frame of ours can take it.
 */
import { stays } from './arrival.js';
import { request } from './api.js';
import { byId, say } from './dom.js';
import { text } from './language.js';

const SEEN_AFTER = 900;
const ANSWER_WITHIN = 10_000;

let working = false;
let over = false;

/** @param {'working' | 'sign-in' | 'connected' | 'failed'} state @param {string} sentence */
function show(state, sentence) {
  byId('outcome').dataset.state = state;
  const title = text.connect[state];
  say(byId('outcome-title'), title);
  document.title = `${title} – smokepop`;
  say(byId('outcome-text'), sentence);
  say(byId('open'), state === 'sign-in' || state === 'failed' ? text.connect.open : '');
}

async function connect() {
  if (working || over) return;
  working = true;
  const frame = /** @type {Window} */ (window.opener);
  const answer = await request('POST', '/api/embed/ticket');
  if (answer.status === 200) {
    frame.postMessage({ smokepop: 'ticket', ticket: answer.data.ticket }, location.origin);
    setTimeout(() => finish('failed', text.connect.gone), ANSWER_WITHIN);
    return;
  }
  working = false;
  if (answer.status === 401) show('sign-in', text.connect.signInText);
  else show('failed', answer.problem);
}

/** @param {'connected' | 'failed'} state @param {string} sentence */
function finish(state, sentence) {
  if (over) return;
  over = state === 'connected'; // which may come late
  show(state, sentence);
  if (state === 'connected') setTimeout(() => window.close(), SEEN_AFTER);
}

function start() {
  show('working', '');
  addEventListener('message', ({ source, origin, data }) => {
    if (origin !== location.origin || source !== window.opener) return;
    if (data?.smokepop === 'connected') finish('connected', text.connect.connectedText);
    else if (data?.smokepop === 'refused') finish('failed', text.frameRefused);
    else if (data?.smokepop === 'failed') finish('failed', text.connect.gone);
  });
  // Signing in happens in a tab beside this one, which has the frame in reach.
  /** @type {HTMLAnchorElement} */ (byId('open')).target = '_blank';
  new BroadcastChannel('smokepop').onmessage = ({ data }) => { if (data === 'signed-in') connect(); };
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden && byId('outcome').dataset.state === 'sign-in') connect();
  });
  connect();
}

if (stays && !window.opener) location.replace('/');
else if (stays) start();
