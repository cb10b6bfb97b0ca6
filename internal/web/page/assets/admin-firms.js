// @ts-check
/** The firms that an admin sees, and which of them is looked at. */
import { byId } from './dom.js';
import { words } from './admin-text.js';

/** @type {string[]} */
let all = [];

/** @param {string[]} tenants */
export function setFirms(tenants) {
  all = tenants;
  for (const [id, any] of /** @type {const} */ ([['agents-tenant', true], ['calls-tenant', true], ['numbers-tenant', false], ['try-tenant', false]])) {
    const select = /** @type {HTMLSelectElement} */ (byId(id));
    select.replaceChildren(...(any ? [new Option(words.anyFirm, '')] : []), ...tenants.map((t) => new Option(t, t)));
    byId(`${id}-row`).hidden = tenants.length < 2;
  }
}

export const firms = () => all;

/** The firm's name where there are several to be told apart. @param {string} tenant */
export const firmOf = (tenant) => all.length > 1 ? tenant : '';

/** What is chosen in a list of firms; all: nothing. @param {string} id */
export const chosen = (id) => /** @type {HTMLSelectElement} */ (byId(id)).value;
