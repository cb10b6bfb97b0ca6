// @ts-check
/** The ways into smokepop, for a browser without a session. */
import { request } from './api.js';
import { byId, say } from './dom.js';
import { text } from './language.js';

const form = /** @type {HTMLFormElement} */ (byId('sign-in-form'));
const button = /** @type {HTMLButtonElement} */ (byId('sign-in-button'));
const password = /** @type {HTMLInputElement} */ (byId('sign-in-password'));
const domain = /** @type {HTMLInputElement} */ (byId('sign-in-domain'));
const extension = /** @type {HTMLInputElement} */ (byId('sign-in-extension'));
const signOn = /** @type {HTMLAnchorElement} */ (byId('sign-in-oidc'));
let tenant = '';

/** Shows the ways that are on. */
export async function offerSignIn() {
  say(byId('sign-in-problem'), '');
  say(byId('sign-in-again'), '');
  const answer = await request('GET', '/api/sign-in');
  if (answer.problem) {
    say(byId('sign-in-problem'), answer.problem);
    return say(byId('sign-in-again'), text.tryAgain);
  }
  const { invite, pbx_password: byPassword, oidc } = answer.data;
  tenant = byPassword?.tenant ?? '';
  form.hidden = !byPassword;
  byId('sign-in-domain-row').hidden = tenant !== '';
  domain.required = tenant === '';
  say(signOn, oidc ? text.signInWith(oidc.name) : '');
  if (oidc) signOn.href = oidc.url;
  byId('sign-in-or').hidden = !(oidc && byPassword);
  say(byId('sign-in-invite'), !invite ? '' : oidc || byPassword ? text.inviteToo : text.signedOutHelp);
}

async function enter() {
  button.disabled = true;
  say(button, text.signingIn);
  say(byId('sign-in-problem'), '');
  const answer = await request('POST', '/api/session', {
    tenant: tenant || domain.value.trim(), extension: extension.value.trim(), password: password.value,
  });
  if (answer.status === 204) {
    new BroadcastChannel('smokepop').postMessage('signed-in');
    return location.replace('/');
  }
  password.value = '';
  say(button, text.signIn);
  say(byId('sign-in-problem'), answer.problem);
  password.focus();
  setTimeout(() => { button.disabled = false; }, answer.retryAfter * 1000);
}

form.addEventListener('submit', (e) => {
  e.preventDefault();
  if (!button.disabled) enter();
});
byId('sign-in-again').addEventListener('click', offerSignIn);
