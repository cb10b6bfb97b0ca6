// @ts-check
/**
 * The page around this frame. It says once how it wants the frame to look, and
 * is told how high the frame would like to be: nothing else passes between the
 * two, and only with a page that may show us.
 */

const parents = (document.querySelector('meta[name="smokepop-parents"]')?.getAttribute('content') ?? '').split(' ').filter(Boolean);
/** What of the document has a height of its own. */
const content = /** @type {HTMLElement} */ (document.querySelector('main'));
let origin = ''; // of the page around, once it has spoken
let told = -1;

/** Tells the page around how high what is shown here is. */
export function resized() {
  // Asked for and not waited for: browsers do not lay out a frame that has no
  // height by themselves.
  const height = Math.ceil(content.getBoundingClientRect().height);
  if (!origin || height === told) return;
  told = height;
  window.parent.postMessage({ smokepop: 'height', height }, origin);
}

addEventListener('message', ({ source, origin: from, data }) => {
  if (source !== window.parent || !parents.includes(from) || data?.smokepop !== 'hello') return;
  origin = from;
  told = -1;
  document.body.dataset.idle = data.idle === 'bar' ? 'bar' : 'hidden';
  resized();
});

new ResizeObserver(resized).observe(content);
