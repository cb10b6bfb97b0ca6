// @ts-check
import { text, translate } from './language.js';

/**
 * The answer of a request. status is 0 when smokepop could not be reached;
 * problem is a sentence for people, and empty when all is well.
 * @typedef {{status: number, data: any, problem: string, retryAfter: number, date: string}} Answer
 */

/**
 * @param {string} method
 * @param {string} path
 * @param {object} [body]
 * @param {Record<string, string>} [headers]
 * @returns {Promise<Answer>}
 */
export async function request(method, path, body, headers = {}) {
  /** @type {RequestInit} */
  const init = { method, headers, credentials: 'same-origin', cache: 'no-store', redirect: 'error', signal: AbortSignal.timeout(40000) };
  if (body) {
    init.headers = { ...headers, 'Content-Type': 'application/json' };
    init.body = JSON.stringify(body);
  }
  try {
    const response = await fetch(path, init);
    const type = response.headers.get('Content-Type') ?? '';
    const data = type.includes('json') ? await response.json() : null;
    return {
      status: response.status,
      data,
      problem: response.ok ? '' : data?.detail ? translate(data.detail) : text.failed,
      retryAfter: Number(response.headers.get('Retry-After')) || 0,
      date: response.headers.get('Date') ?? '',
    };
  } catch {
    return { status: 0, data: null, problem: text.failed, retryAfter: 0, date: '' };
  }
}
