// @ts-check
import { byId } from './dom.js';

// The code and the state are used up and nobody's business.
history.replaceState(null, '', '/pair/callback');

const SEEN_AFTER = 900;

/** A window that a page has opened may close; any other goes to the page. */
function leave() {
  window.close();
  setTimeout(() => location.replace('/'), 300);
}

byId('close').addEventListener('click', (e) => {
  e.preventDefault();
  leave();
});

if (document.body.dataset.outcome === 'paired') {
  new BroadcastChannel('smokepop').postMessage('pairing-done');
  setTimeout(() => window.close(), SEEN_AFTER);
}
