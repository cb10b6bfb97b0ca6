// @ts-check
/** Which numbers of a firm's contacts no call can ever match. */
import { byId, copy, link, say } from './dom.js';
import { follow } from './admin-ask.js';
import { chosen } from './admin-firms.js';
import { facts, part } from './admin-list.js';
import { words } from './admin-text.js';

/**
 * @typedef {{reason: string, meaning: string, do: string, count: number, records: {id: string, field: string, link: string}[], more: number}} Fault
 * @typedef {{extension: string, contacts: number, without_number: number, numbers: number, good: number, bad: number, complete: boolean, began: string, milliseconds: number, faults: Fault[]}} Report
 */

const start = /** @type {HTMLButtonElement} */ (byId('numbers-start'));
const bar = /** @type {HTMLProgressElement} */ (byId('numbers-progress'));

/** @type {AbortController | null} */
let looking = null;

/** @param {boolean} on */
function running(on) {
  start.disabled = on;
  byId('numbers-stop').hidden = !on;
  byId('numbers-running').hidden = !on;
}

async function run() {
  const mine = new AbortController();
  looking = mine;
  say(byId('numbers-problem'), '');
  byId('numbers-report').hidden = true;
  progress(0, 0);
  running(true);
  let done = false;
  try {
    await follow(`/numbers?progress=1&tenant=${encodeURIComponent(chosen('numbers-tenant'))}`, mine.signal, () => {}, (line) => {
      if (line.progress) progress(line.progress.read, line.progress.of);
      if (line.problem) say(byId('numbers-problem'), line.problem);
      if (line.report) show(line.report);
      done ||= Boolean(line.problem || line.report);
    });
    if (!done) say(byId('numbers-problem'), words.numbersCut);
  } catch (e) {
    if (!mine.signal.aborted) say(byId('numbers-problem'), (e instanceof Error && e.message) || words.numbersCut);
  }
  if (looking === mine) looking = null;
  running(false);
}

/** @param {number} read @param {number} of */
function progress(read, of) {
  if (of > 0) {
    bar.max = of;
    bar.value = Math.min(read, of);
  } else {
    bar.removeAttribute('value');
  }
  say(byId('numbers-said'), words.numbersRead(read, of));
}

/** @param {Report} r */
function show(r) {
  byId('numbers-report').hidden = false;
  facts(byId('numbers-figures'), words.numbersFigures(r));
  say(byId('numbers-about'), words.numbersAbout(r));
  byId('faults').replaceChildren(...r.faults.map(fault));
}

/** @param {Fault} f */
function fault(f) {
  const e = copy('fault-template');
  e.dataset.reason = f.reason;
  say(part(e, '.fault-count'), words.number(f.count));
  say(part(e, 'h2'), f.meaning);
  say(part(e, '.lead'), f.do);
  const records = f.records.map((record) => {
    const li = document.createElement('li');
    const a = document.createElement('a');
    a.target = '_blank';
    a.rel = 'noopener noreferrer';
    link(a, record.link);
    a.textContent = words.record(record.id, record.field);
    li.append(a.hidden ? a.textContent : a);
    return li;
  });
  if (f.more > 0) {
    const li = document.createElement('li');
    li.textContent = words.recordsMore(f.more);
    records.push(li);
  }
  part(e, '.records').replaceChildren(...records);
  return e;
}

/** Leaves the view: what is not read any more is not asked for. */
export const leaveNumbers = () => looking?.abort();

start.addEventListener('click', run);
byId('numbers-stop').addEventListener('click', () => {
  leaveNumbers();
  start.disabled = false;
  start.focus();
});
