// @ts-check
// smokepop in a page of yours: one script tag, and whoever is calling is shown
// in a frame while the phone rings. The page's origin has to be among smokepop's
// embed.allowed_parents.
//
//   <script src="[smokepop's address]/embed.js" async></script>
//
//   data-target     a CSS selector: the frame goes into that element and takes
//                   its width. Without it the frame lies over a corner.
//   data-position   bottom-right (as without it), bottom-left, top-right, top-left
//   data-width      in pixels, over a corner: 400
//   data-idle       hidden (as without it): nothing is seen without a call;
//                   bar: a slim line says that calls will be shown
//   data-title      what screen readers call the frame
//
// A content policy of your page needs smokepop's address in script-src and in
// frame-src, and nothing else.
(() => {
  const script = document.currentScript;
  if (!(script instanceof HTMLScriptElement)) {
    console.error('smokepop: embed.js is not a module. Load it by a plain script tag.');
    return;
  }
  const { origin } = new URL(script.src);
  const { target, position = 'bottom-right', width = '400', idle = 'hidden', title = 'smokepop' } = script.dataset;
  const MARGIN = 16;
  let wanted = 0;

  const frame = document.createElement('iframe');
  frame.className = 'smokepop';
  frame.title = title;
  frame.src = `${origin}/embed`;

  /** @param {Record<string, string>} styles */
  const style = (styles) => {
    for (const [name, value] of Object.entries(styles)) frame.style.setProperty(name, value, 'important');
  };

  // Never display: none, which would keep the frame from knowing its height.
  const fit = () => {
    const height = Math.min(wanted, Math.max(0, window.innerHeight - 2 * MARGIN));
    style({ height: `${height}px`, 'box-shadow': height && !target ? '0 4px 28px rgb(0 0 0 / 28%)' : 'none' });
  };

  const place = () => {
    if ([...document.querySelectorAll('iframe.smokepop')].some((e) => e instanceof HTMLIFrameElement && e.src === frame.src)) return;
    const around = target ? document.querySelector(target) : document.body;
    if (!around) {
      console.error(`smokepop: no element of this page is ${target}`);
      return;
    }
    style({ display: 'block', border: '0', padding: '0', margin: '0', 'min-height': '0', 'max-height': 'none', 'min-width': '0', 'border-radius': '14px', 'color-scheme': 'light dark' });
    if (target) {
      style({ width: '100%', 'max-width': 'none' });
    } else {
      style({
        position: 'fixed', inset: 'auto', [position.startsWith('top') ? 'top' : 'bottom']: `${MARGIN}px`, [position.endsWith('left') ? 'left' : 'right']: `${MARGIN}px`,
        width: `${Math.max(280, Number(width) || 400)}px`, 'max-width': `calc(100vw - ${2 * MARGIN}px)`, 'z-index': '2147483000',
      });
    }
    fit();
    around.append(frame);
  };

  frame.addEventListener('load', () => frame.contentWindow?.postMessage({ smokepop: 'hello', idle }, origin));
  window.addEventListener('message', (e) => {
    if (e.origin !== origin || !e.source || e.source !== frame.contentWindow || e.data?.smokepop !== 'height') return;
    const { height } = e.data;
    if (!Number.isFinite(height) || height < 0) return;
    wanted = height;
    fit();
  });
  window.addEventListener('resize', fit);
  if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', place);
  else place();
})();
