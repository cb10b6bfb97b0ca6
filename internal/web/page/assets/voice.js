// @ts-check
/**
 * One voice for all tabs of this browser. Each of them hears of every call;
 * what shall happen once, a notification or a sound, is claimed here, and only
 * the tab that has the claim does it. A claim outlives reloads and reconnects.
 * What is kept of it on the disk is a pop's id, which says nothing of anybody.
 */

// Not localStorage: each of the browser's processes has a copy of that, and
// learns late of what another one has written.
const STORE = 'told';
const OLD = 24 * 3600 * 1000;
const MOST = 200; // where they are kept in memory
const SPEAK = 'smokepop-voice';
const FRONT = 'smokepop-front';
// So long a tab that nobody sees leaves it to one that somebody does.
const AFTER_YOU = 1500;

/** @type {Set<string>} */
const told = new Set(); // where the browser keeps nothing for us, tabs have this
/** @type {Promise<IDBDatabase | null> | undefined} */
let opened;
/** @type {AbortController | null} */
let front = null;

/** @returns {Promise<IDBDatabase | null>} null where the browser has none for us */
function database() {
  opened ??= new Promise((resolve) => {
    try {
      const request = indexedDB.open('smokepop', 1);
      request.onupgradeneeded = () => request.result.createObjectStore(STORE);
      request.onsuccess = () => {
        forget(request.result);
        resolve(request.result);
      };
      request.onerror = request.onblocked = () => resolve(null);
    } catch {
      resolve(null);
    }
  });
  return opened;
}

/** Lets go of what is old by now. @param {IDBDatabase} db */
function forget(db) {
  const all = db.transaction(STORE, 'readwrite').objectStore(STORE).openCursor();
  all.onsuccess = () => {
    const entry = all.result;
    if (!entry) return;
    if (!(Math.abs(Date.now() - entry.value) < OLD)) entry.delete();
    entry.continue();
  };
}

/** @param {string} what */
async function isTold(what) {
  const db = await database();
  if (!db) return told.has(what);
  return new Promise((resolve) => {
    const found = db.transaction(STORE).objectStore(STORE).count(what);
    found.onsuccess = () => resolve(found.result > 0);
    found.onerror = () => resolve(false);
  });
}

/** @param {string} what */
async function tell(what) {
  const db = await database();
  if (!db) {
    told.add(what);
    for (const first of told) if (told.size > MOST) told.delete(first);
    return;
  }
  await new Promise((resolve) => {
    const writing = db.transaction(STORE, 'readwrite');
    writing.objectStore(STORE).put(Date.now(), what);
    writing.oncomplete = writing.onerror = writing.onabort = resolve;
  });
}

/**
 * Does something unless a tab of this browser has done it before. A tab in
 * front of somebody has the first go.
 * @param {string} what
 * @param {() => boolean | Promise<boolean>} act returns whether it was done: if not, another tab may try
 */
export async function once(what, act) {
  if (document.hidden && (await somebodyInFront())) await new Promise((done) => setTimeout(done, AFTER_YOU));
  await navigator.locks.request(SPEAK, async () => {
    if (!(await isTold(what)) && (await act())) await tell(what);
  });
}

async function somebodyInFront() {
  const { held } = await navigator.locks.query();
  return (held ?? []).some((lock) => lock.name === FRONT);
}

/** Says whether this tab is one that can speak to somebody: seen, and connected. @param {boolean} is */
export function inFront(is) {
  if (is === (front !== null)) return;
  front?.abort();
  front = is ? new AbortController() : null;
  if (!front) return;
  const { signal } = front;
  navigator.locks.request(FRONT, { mode: 'shared', signal }, () => signal.aborted ? undefined : new Promise((done) => {
    signal.addEventListener('abort', () => done(undefined));
  })).catch(() => {}); // taken back before it was granted
}
