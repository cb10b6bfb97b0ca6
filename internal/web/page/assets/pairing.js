// @ts-check
import { request } from './api.js';
import { ask } from './confirm.js';
import { byId, link, say, setIcon } from './dom.js';
import { text } from './messages.js';

/**
 * @typedef {{state: 'paired' | 'unpaired' | 'expired' | 'attention', since: string | null, expires: string | null,
 *   account: string, email_matches: boolean | null, problem: string}} Pairing
 */

const DAY = 24 * 3600 * 1000;
const WARN_BEFORE = 5 * DAY;

const panel = byId('pairing');
const pairButton = /** @type {HTMLButtonElement} */ (byId('pair'));
const unpairButton = /** @type {HTMLButtonElement} */ (byId('unpair'));
const pairLink = /** @type {HTMLAnchorElement} */ (byId('pair-link'));

/** @type {Window | null} */
let popup = null;
let email = '';

/** How the pairing stands, for the rest of the page. */
export const isPaired = () => panel.dataset.state === 'paired';

/**
 * @param {Pairing} p
 * @param {string} [agentEmail]
 */
export function showPairing(p, agentEmail) {
  email = agentEmail ?? email;
  const words = text.pairing;
  const paired = p.state === 'paired';
  const expires = p.expires ? new Date(p.expires) : null;
  const left = expires ? expires.getTime() - Date.now() : Infinity;
  // An authorisation that never lasts longer is none to warn of all the time.
  const lasts = expires && p.since ? expires.getTime() - Date.parse(p.since) : Infinity;
  const expiring = paired && left < WARN_BEFORE && lasts > WARN_BEFORE;
  const mismatch = paired && p.email_matches === false;
  if (panel.dataset.state !== p.state) endAttempt();

  panel.dataset.state = p.state;
  panel.dataset.warning = expiring ? 'expiring' : mismatch ? 'mismatch' : '';
  const sign = byId('pairing-sign');
  sign.dataset.sign = paired ? 'tick' : 'cross';
  sign.setAttribute('aria-label', paired ? words.tick : words.cross);
  setIcon(sign, sign.dataset.sign);

  say(byId('pairing-title'), words[p.state]);
  say(byId('pairing-detail'), {
    paired: [p.account && words.as(p.account), expires && words.until(expires)].filter(Boolean).join('\n'),
    unpaired: words.unpairedHelp,
    expired: p.problem ? '' : words.expiredHelp,
    attention: '',
  }[p.state]);
  // The page knows more about these two than one sentence says.
  say(byId('pairing-problem'), expiring ? words.endsIn(Math.floor(left / DAY)) : mismatch ? '' : p.problem);
  say(byId('pairing-mismatch'), mismatch ? words.mismatch(p.account, email) : '');

  say(pairButton, p.state === 'unpaired' ? words.pair : paired && !expiring ? '' : words.again);
  unpairButton.hidden = p.state === 'unpaired';
  unpairButton.className = mismatch ? '' : 'quiet';
}

/** Puts away what belongs to a pairing under way. */
function endAttempt() {
  say(byId('pairing-progress'), '');
  pairLink.hidden = true;
  pairButton.disabled = unpairButton.disabled = false;
}

/** The pairing window has told that it is done. */
export function pairingWindowDone() {
  endAttempt();
  popup?.close();
  popup = null;
}

/** Opens the pairing window, or brings forward the one that is open. */
function openPopup() {
  if (popup && !popup.closed) return popup.focus();
  popup = window.open('', '_blank', 'popup,width=520,height=720');
  if (!popup) return;
  // Smokeball's pages need not know of this one: that pairing is done comes by
  // BroadcastChannel and by the websocket.
  popup.opener = null;
  popup.document.title = popup.document.body.textContent = text.pairing.opening;
}

async function pair() {
  openPopup(); // a window may open only in the moment of the click; its address comes later
  pairButton.disabled = true;
  say(byId('pairing-progress'), text.pairing.opening);
  const answer = await request('POST', '/api/pair');
  pairButton.disabled = false;
  if (answer.problem) {
    popup?.close();
    say(byId('pairing-progress'), answer.problem);
    return;
  }
  const url = answer.data.authorize_url;
  if (popup && !popup.closed) {
    popup.location.replace(url);
    say(byId('pairing-progress'), text.pairing.waiting);
    return;
  }
  say(byId('pairing-progress'), text.pairing.blocked);
  say(pairLink, text.pairing.link);
  link(pairLink, url);
  pairLink.focus(); // the button that was pressed has led here
}

async function unpair() {
  if (!(await ask(text.unpairTitle, text.unpairText, text.unpair))) return;
  unpairButton.disabled = true;
  say(byId('pairing-progress'), text.unpairing);
  const answer = await request('DELETE', '/api/pair');
  endAttempt();
  if (answer.problem) say(byId('pairing-progress'), answer.problem);
  else if (answer.data?.revoked === false) say(byId('pairing-progress'), text.unpairedNotRevoked);
}

// The link has led to Smokeball; it does so once.
pairLink.addEventListener('click', () => setTimeout(() => {
  endAttempt();
  say(byId('pairing-progress'), text.pairing.waiting);
}));
// Back here with the window closed: the attempt is over, whatever came of it.
addEventListener('focus', () => { if (popup?.closed && !pairButton.disabled) pairingWindowDone(); });
pairButton.addEventListener('click', pair);
unpairButton.addEventListener('click', unpair);
