// @ts-check
import { request } from './api.js';
import { ask, withdraw } from './confirm.js';
import { byId, link, say, setIcon } from './dom.js';
import { text, translate } from './language.js';
import { isEnding, isMismatch } from './standing.js';

/** @typedef {import('./standing.js').Pairing} Pairing */

const panel = byId('pairing');
const pairButton = /** @type {HTMLButtonElement} */ (byId('pair'));
const unpairButton = /** @type {HTMLButtonElement} */ (byId('unpair'));
const pairLink = /** @type {HTMLAnchorElement} */ (byId('pair-link'));

/** @type {Window | null} */
let popup = null;
let email = '';
/** @type {Pairing | null} */
let shown = null;
let heard = 0; // how often something was shown
let attempt = false; // a sign-in at Smokeball is under way
let asking = false; // the dialog asks whether to unpair
let unpairing = false;

/** How the pairing stands, for the rest of the page. */
export const isPaired = () => shown?.state === 'paired';

/** A number that changes with everything shown. */
export const pairingNews = () => heard;

/** @param {string | null} at */
const date = (at) => at ? new Date(at) : null;

/**
 * @param {Pairing} p
 * @param {string} [agentEmail]
 */
export function showPairing(p, agentEmail) {
  email = agentEmail ?? email;
  // A pairing that is another one than before ends every attempt, wherever it was begun.
  if ((shown?.state !== p.state || shown.since !== p.since) && !unpairing) endAttempt();
  shown = p;
  heard++;
  if (asking && p.state === 'unpaired') withdraw();

  const words = text.pairing;
  const paired = p.state === 'paired';
  const expires = date(p.expires);
  const since = date(p.since);
  const expiring = isEnding(p);
  const mismatch = isMismatch(p);

  panel.dataset.state = p.state;
  panel.dataset.warning = expiring ? 'expiring' : mismatch ? 'mismatch' : '';
  const sign = byId('pairing-sign');
  sign.dataset.sign = paired ? 'tick' : 'cross';
  sign.setAttribute('aria-label', paired ? words.tick : words.cross);
  setIcon(sign, sign.dataset.sign);

  say(byId('pairing-title'), p.state === 'paired' ? words.paired(p.account, expires) : words[p.state]);
  say(byId('pairing-detail'), {
    paired: since ? words.since(since) : '',
    unpaired: words.unpairedHelp,
    expired: p.account || !p.problem ? [p.account && words.was(p.account, expires), !p.problem && words.expiredHelp].filter(Boolean).join('\n') : '',
    attention: p.account ? words.paired(p.account, expires) : '',
  }[p.state]);
  // The page knows more about these two than one sentence says.
  say(byId('pairing-problem'), expires && expiring ? words.ends(expires) : paired && mismatch ? '' : translate(p.problem));
  say(byId('pairing-mismatch'), mismatch ? words.mismatch(p.account, email) : '');

  say(pairButton, p.state === 'unpaired' ? words.pair : paired && !expiring && !mismatch ? '' : words.again);
  // What has ended is nothing to take back.
  unpairButton.hidden = p.state === 'unpaired' || p.state === 'expired';
}

/** Puts away what belongs to a pairing under way. @param {string} [words] what there is to say of it */
function endAttempt(words = '') {
  attempt = false;
  say(byId('pairing-progress'), words);
  pairLink.hidden = true;
  pairButton.disabled = unpairButton.disabled = false;
}

/** What to say of an attempt that has come to nothing. @param {string} otherwise */
const stillPaired = (otherwise) => shown?.state === 'paired' ? text.pairing.still(shown.account) : otherwise;

/** A pairing window has told that it is done. */
export function pairingWindowDone() {
  endAttempt();
  popup = null; // it closes itself
}

/** A pairing window has told that nothing came of it; whose it is it cannot tell. */
export function pairingWindowFailed() {
  if (attempt && ['', '/pair/callback'].includes(popupAt())) endAttempt(stillPaired(text.pairing.refused));
}

/** Where our window is; nothing when it is closed, "elsewhere" at another site, where nothing can be read or done. */
function popupAt() {
  if (!popup || popup.closed) return '';
  try {
    return popup.location.pathname;
  } catch {
    return 'elsewhere';
  }
}

function openPopup() {
  if (popupAt()) return popup?.focus();
  popup = window.open('', '_blank', 'popup,width=520,height=720');
  if (!popup) return;
  // Smokeball's pages need not know of this one: that pairing is done comes by
  // BroadcastChannel and by the websocket.
  popup.opener = null;
  popup.document.title = popup.document.body.textContent = text.pairing.opening;
}

async function pair() {
  if (popupAt() === 'elsewhere') return popup?.focus(); // the sign-in there goes on
  openPopup(); // a window may open only in the moment of the click; its address comes later
  pairButton.disabled = true;
  say(byId('pairing-progress'), text.pairing.opening);
  const answer = await request('POST', '/api/pair');
  pairButton.disabled = false;
  if (answer.problem) {
    popup?.close();
    endAttempt(`${answer.problem} ${stillPaired('')}`.trim());
    return;
  }
  attempt = true;
  const url = answer.data.authorize_url;
  if (popup && !popup.closed) {
    popup.location.replace(url);
    say(byId('pairing-progress'), waiting());
    return;
  }
  say(byId('pairing-progress'), text.pairing.blocked);
  say(pairLink, text.pairing.link);
  link(pairLink, url);
  pairLink.focus(); // the button that was pressed has led here
}

const waiting = () => isPaired() ? text.pairing.waitingPaired : text.pairing.waiting;

async function unpair() {
  asking = true;
  const yes = await ask(text.unpairTitle, text.unpairText, text.unpair);
  asking = false;
  if (!yes) return;
  unpairing = unpairButton.disabled = true;
  say(byId('pairing-progress'), text.unpairing);
  const before = heard;
  const answer = await request('DELETE', '/api/pair');
  unpairing = false;
  endAttempt(answer.problem);
  if (answer.problem) return;
  // The answer may be here before the frame, and the frame must not wipe away
  // what is said next.
  if (heard === before) showPairing({ state: 'unpaired', since: null, expires: null, account: '', email_matches: null, problem: '' });
  if (shown?.state === 'unpaired' && answer.data?.revoked === false) say(byId('pairing-progress'), text.unpairedNotRevoked);
}

// The link has led to Smokeball; it does so once.
pairLink.addEventListener('click', () => setTimeout(() => {
  endAttempt(waiting());
  attempt = true;
}));
// The window is closed and has told nothing: the attempt was given up.
setInterval(() => {
  if (!popup?.closed || pairButton.disabled) return;
  popup = null;
  if (attempt) endAttempt(stillPaired(''));
}, 500);
pairButton.addEventListener('click', pair);
unpairButton.addEventListener('click', unpair);
