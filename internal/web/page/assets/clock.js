// @ts-check
/**
 * smokepop's clock, as far as this page knows it, and a watch over the
 * computer's own: it stands still while a laptop sleeps, and people set it.
 */

// Timers of hidden tabs may run once a minute only; a longer gap was sleep.
const SLEPT = 150_000;
// So far the two clocks of a computer never drift apart by themselves.
const JUMPED = 3000;
// A clock that is less wrong than this is right: answers take their time too.
const RIGHT = 2000;
const LOOK_EVERY = 5000;

let skew = 0; // smokepop's clock less ours, in ms

/** What time it is at smokepop, in ms since 1970. */
export const now = () => Date.now() + skew;

/** Takes in the Date header of an answer. @param {string} header */
export function heard(header) {
  const date = Date.parse(header);
  if (!Number.isNaN(date)) skew = Math.abs(date - Date.now()) < RIGHT ? 0 : date - Date.now();
}

/** Calls back when the computer has slept or its clock was set. @param {() => void} jumped */
export function watch(jumped) {
  const apart = () => Date.now() - performance.now();
  let last = performance.now();
  let before = apart();
  setInterval(() => {
    const gap = performance.now() - last;
    const drift = Math.abs(apart() - before);
    last = performance.now();
    before = apart();
    if (gap > SLEPT || drift > JUMPED) jumped();
  }, LOOK_EVERY);
}
