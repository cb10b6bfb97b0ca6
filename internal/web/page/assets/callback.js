// @ts-check
import './arrival.js';
import { request } from './api.js';
import { byId, say } from './dom.js';
import { text, translate } from './language.js';

const SEEN_AFTER = 900;
// Who has signed in is found out beside, most often within a second.
const ASK_EVERY = 300;
const ASK_AT_MOST = 8;
// A warning is to be read; the page behind has it too.
const READ_AFTER = 20_000;

const channel = new BroadcastChannel('smokepop');
const wait = (/** @type {number} */ ms) => new Promise((done) => setTimeout(done, ms));

/** A window that a page has opened may close; any other goes to the page. */
function leave() {
  window.close();
  setTimeout(() => location.replace('/'), 300);
}

/** What the server has put here in English, in the page's language. */
function speak() {
  const { outcome, account = '', request: id } = document.body.dataset;
  const still = document.getElementById('outcome-still');
  const words = text.pairing;
  const title = outcome === 'paired' ? words.paired(account, null) : still ? words.failedAgain : words.failed;
  say(byId('outcome-title'), title);
  document.title = `${title} – smokepop`;
  const sentence = byId('outcome-text');
  say(sentence, outcome === 'paired' ? words.done : translate(sentence.textContent ?? ''));
  if (still) say(still, words.still(account));
  const fine = document.getElementById('outcome-request');
  if (fine && id) say(fine, text.requestID(id));
  say(byId('close'), text.closeWindow);
}

speak();

byId('close').addEventListener('click', (e) => {
  e.preventDefault();
  leave();
});

/** Says who is paired now, once that is known, and closes the window. */
async function paired() {
  channel.postMessage('pairing-done');
  const seen = wait(SEEN_AFTER);
  for (let i = 0; i < ASK_AT_MOST; i++) {
    const { data, status } = await request('GET', '/api/me');
    const p = data?.pairing;
    if (status !== 200 || p.state !== 'paired') break;
    if (p.account) say(byId('outcome-title'), text.pairing.paired(p.account, null));
    if (p.email_matches === false) {
      document.body.dataset.warning = 'mismatch';
      byId('outcome-text').className = 'warn';
      say(byId('outcome-text'), text.pairing.mismatch(p.account, data.agent.email));
      await wait(READ_AFTER);
      break;
    }
    if (p.email_matches) break;
    await wait(ASK_EVERY);
  }
  await seen;
  window.close();
}

if (document.body.dataset.outcome === 'paired') paired();
else channel.postMessage('pairing-failed');
