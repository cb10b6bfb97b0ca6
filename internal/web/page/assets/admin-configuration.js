// @ts-check
/** The configuration as loaded. */
import { byId, say } from './dom.js';
import { look } from './admin-ask.js';
import { words } from './admin-text.js';

/** Asks for the configuration and shows it. */
export async function showConfiguration() {
  const answer = await look('/configuration');
  if (answer.problem) return;
  const { yaml, loaded, warnings } = answer.data;
  const text = byId('configuration-text');
  if (text.textContent !== yaml) text.textContent = yaml;
  say(byId('configuration-about'), words.loaded(new Date(loaded)));
  byId('configuration-warnings').replaceChildren(.../** @type {string[]} */ (warnings).map((w) => {
    const li = document.createElement('li');
    li.className = 'warn';
    li.textContent = w;
    return li;
  }));
}
