// @ts-check
import { fragment as invite, stays } from './arrival.js';
import { request } from './api.js';
import { byId, say } from './dom.js';
import { text } from './language.js';

function enter() {
  new BroadcastChannel('smokepop').postMessage('signed-in');
  location.replace('/');
}

/** @param {string} sentence @param {boolean} again */
function fail(sentence, again) {
  byId('join').dataset.state = 'failed';
  say(byId('join-title'), text.joinFailed);
  say(byId('join-text'), sentence);
  say(byId('join-again'), again ? text.joinAgain : '');
}

async function join() {
  byId('join').dataset.state = 'working';
  say(byId('join-title'), text.joining);
  say(byId('join-text'), '');
  say(byId('join-again'), '');
  const answer = invite ? await request('POST', '/api/session', { invite }) : { status: 400, problem: text.joinIncomplete };
  if (answer.status === 204) return enter();
  // The link of a browser that is signed in already has done its work.
  if (answer.status === 400 || answer.status === 403) {
    const me = await request('GET', '/api/me');
    if (me.status === 200) return location.replace('/');
  }
  fail(answer.problem, answer.status === 0 || answer.status === 429 || answer.status >= 500);
}

if (stays) {
  byId('join-again').addEventListener('click', join);
  join();
}
