// @ts-check
/** The document that single sign-on ends in when nobody is signed in by it, in the reader's language. */
import './arrival.js';
import { byId, say } from './dom.js';
import { text, translate } from './language.js';

const { outcome, request } = document.body.dataset;
const title = outcome === 'choice' ? text.whichTitle : text.signedOutTitle;
say(byId('outcome-title'), title);
document.title = `${title} – smokepop`;
say(byId('outcome-text'), outcome === 'choice' ? text.whichText : translate(byId('outcome-text').textContent ?? ''));
if (request) say(document.getElementById('outcome-request'), text.requestID(request));
const again = document.getElementById('again');
if (again) say(again, text.joinAgain);
