// @ts-check
/** What the admin page asks smokepop for. */
import { request } from './api.js';

/** @typedef {import('./api.js').Answer} Answer */

const API = '/admin/api';

/** @type {(status: number, problem: string) => void} */
let heard = () => {};

/** Calls back with the status of every answer, 0 is none, and what is wrong. @param {(status: number, problem: string) => void} f */
export function onAnswer(f) {
  heard = f;
}

/**
 * @param {string} method
 * @param {string} path
 * @param {object} [body]
 * @param {Record<string, string>} [headers]
 */
async function send(method, path, body, headers) {
  const answer = await request(method, API + path, body, headers);
  heard(answer.status, answer.problem);
  return answer;
}

/** Asks because somebody wants it. @param {string} path */
export const get = (path) => send('GET', path);

/** Asks because time has passed: nobody may be at the page. @param {string} path */
export const look = (path) => send('GET', path, undefined, { 'Smokepop-Timer': '1' });

/** @param {string} path @param {object} body */
export const post = (path, body) => send('POST', path, body);

/** @param {string} path */
export const end = (path) => send('DELETE', path);

/**
 * Lines of JSON as they come, until the answer or the signal ends. What smokepop
 * refuses is thrown, in its own words.
 * @param {string} path
 * @param {AbortSignal} signal
 * @param {() => void} begun  smokepop has answered
 * @param {(line: any) => void} each
 */
export async function follow(path, signal, begun, each) {
  const response = await fetch(API + path, { credentials: 'same-origin', cache: 'no-store', redirect: 'error', signal });
  const problem = response.ok ? '' : (await response.json()).detail;
  heard(response.status, problem);
  if (problem) throw new Error(problem);
  if (!response.body) return;
  begun();
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const lines = (rest + value).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line) each(JSON.parse(line));
  }
}
