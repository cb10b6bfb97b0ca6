// @ts-check
/**
 * Where the browser has arrived. This module imports nothing and is imported
 * first: what a one-time link or a sign-in has left in the location bar goes
 * before anything else is loaded.
 */

/**
 * The address in the location bar has to be the public one: sessions and
 * websockets belong to it. Tells whether the browser stays here.
 */
function atHome() {
  const home = document.querySelector('meta[name="smokepop-origin"]')?.getAttribute('content');
  if (!home || location.origin === home) return true;
  location.replace(home + location.pathname + location.hash);
  return false;
}

/** Whether this document is the one to act; else the browser is on its way. */
export const stays = atHome();

/** What stood behind the "#". */
export const fragment = location.hash.slice(1);

// Codes, states and tokens are nobody's business, and used up here.
if (stays && (location.search || location.hash)) history.replaceState(null, '', location.pathname);
