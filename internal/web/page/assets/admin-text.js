// @ts-check
/**
 * The words of the admin page. It is in English only, as what admins work with
 * is: the configuration, the commands and the log.
 */
import { dayTime, isToday, locale, number, plural, time } from './locale.js';

const relative = new Intl.RelativeTimeFormat(locale, { numeric: 'auto' });
const dayMonth = new Intl.DateTimeFormat(locale, { day: 'numeric', month: 'short' });
const dayMonthYear = new Intl.DateTimeFormat(locale, { day: 'numeric', month: 'short', year: 'numeric' });
const clock = new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const exact = new Intl.DateTimeFormat(locale, { dateStyle: 'full', timeStyle: 'long' });

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** "24 Nov"; of another year with it. @param {Date} d */
const day = (d) => (d.getFullYear() === new Date().getFullYear() ? dayMonth : dayMonthYear).format(d);

/** "just now", "12 minutes ago", "yesterday". @param {Date} d */
function ago(d) {
  const past = Date.now() - d.getTime();
  if (past < MINUTE) return 'just now';
  if (past < HOUR) return relative.format(-Math.floor(past / MINUTE), 'minute');
  if (isToday(d)) return relative.format(-Math.floor(past / HOUR), 'hour');
  return past < 6 * DAY ? dayTime(d) : day(d);
}

/** Whose firm it is, when there is more than one to be told apart. @param {string} extension @param {string} tenant */
const of = (extension, tenant) => `Extension ${extension}${tenant && ` · ${tenant}`}`;

export const words = {
  ago,
  of,
  day,
  time,
  /** The moment to the second, for who looks closer. @param {Date} d */
  exact: (d) => exact.format(d),
  /** @param {Date} d */
  clock: (d) => clock.format(d),
  /** @param {string} email @param {string} method */
  signedIn: (email, method) => `${email}, ${method === 'oidc' ? 'by single sign-on' : 'by a link'}`,
  everything: 'All firms',
  firms: (/** @type {string[]} */ tenants) => tenants.join(', '),
  signInWith: (/** @type {string} */ name) => `Continue with ${name}`,
  sessionEnded: 'Your session as an admin has ended. Sign in again to go on.',
  signedOutHere: 'You are signed out.',
  signingIn: 'Signing you in…',
  away: 'smokepop is not answering. What you see may be old; it comes back by itself.',

  tiles: { all: 'Agents', paired: 'Paired', ending: 'Ending within 5 days', attention: 'Need attention', unpaired: 'Not paired' },
  states: { paired: 'Paired', ending: 'Ending soon', attention: 'Needs attention', expired: 'Ended', unpaired: 'Not paired' },
  anyFirm: 'All firms',
  noAgents: 'Nobody fits what you search for.',
  nobody: 'There are no agents yet: name them under agents in the configuration, or let the PBX’s directory be read.',
  /** @param {Date} until */
  inDays: (until) => relative.format(Math.max(0, Math.round((until.getTime() - Date.now()) / DAY)), 'day'),
  mismatch: 'Not this agent’s e-mail address',
  notSinceStart: 'Not since the start',
  none: '–',
  manageWhom: (/** @type {string} */ name) => `Manage ${name}`,

  facts: { state: 'State', account: 'Account', since: 'Paired since', until: 'Ends', used: 'Last used', failed: 'Last failure', email: 'E-mail of the extension', problem: 'What the agent reads' },
  /** @param {Date} d */
  sinceOf: (d) => `${day(d)}, ${time(d)}`,
  noBrowsers: 'Not signed in anywhere.',
  screens: (/** @type {number} */ n) => plural(n, { one: '# screen open', other: '# screens open' }),
  /** @param {number} n @param {string[]} nodes */
  screensAt: (n, nodes) => nodes.length > 0 ? `${n} (${[...new Set(nodes)].join(', ')})` : String(n),
  methods: /** @type {Record<string, string>} */ ({ invite: 'invite link', pbx_password: 'PBX password', oidc: 'single sign-on', link: 'link' }),
  /** @param {string} method @param {Date} since */
  signedInBy: (method, since) => `signed in ${ago(since)} by ${words.methods[method] ?? method}`,
  /** @param {Date} seen */
  seen: (seen) => `last seen ${ago(seen)}`,
  linkUntil: (/** @type {Date} */ until) => `It works once, until ${dayTime(until)}.`,
  copied: 'The link is copied.',
  notCopied: 'The browser does not let the page copy. The link is selected: copy it by hand.',

  force: {
    'sign-out': {
      title: (/** @type {string} */ name) => `Sign ${name} out everywhere?`,
      text: 'All browsers of this agent are signed out at once, and invite links that are out are withdrawn. The pairing stays.',
      yes: 'Sign out',
      done: (/** @type {any} */ d) => plural(d.sessions, { one: '# browser signed out.', other: '# browsers signed out.' }),
    },
    session: {
      title: (/** @type {string} */ name) => `Sign ${name} out in this browser?`,
      text: 'Only this browser is signed out. The pairing stays.',
      yes: 'Sign out',
      done: () => 'The browser is signed out.',
    },
    unpair: {
      title: (/** @type {string} */ name) => `End ${name}’s pairing?`,
      text: 'The agent’s tokens are deleted here and revoked at Smokeball. There are no more pops until the agent pairs again.',
      yes: 'End the pairing',
      done: (/** @type {any} */ d) => !d.was_paired ? 'The agent was not paired.' : d.revoked ? 'The pairing has ended, and Smokeball has revoked it.' :
        'The pairing has ended. Smokeball did not confirm that it is revoked: it ends by itself, or revoke it in Smokeball.',
    },
  },

  noSessions: 'No agent is signed in.',
  noSessionsFit: 'No browser fits what you search for.',

  following: 'Live',
  paused: 'Paused',
  broken: 'Connecting…',
  noCalls: 'No call yet. Each call that the PBX tells of appears here at once.',
  noCallsFit: 'No call fits what you search for.',
  callCount: (/** @type {number} */ n) => plural(n, { one: '#', other: '#' }),
  unknownNumber: 'No number',
  extensions: (/** @type {string[]} */ all) => all.length === 0 ? 'No extension' : all.length > 3 ? `Extensions ${all.slice(0, 3).join(', ')} and ${all.length - 3} more` : `${all.length > 1 ? 'Extensions' : 'Extension'} ${all.join(', ')}`,
  chooseCall: 'The way of a call',
  chooseHint: 'Choose a call to see each step: what came from the PBX, what was decided and why, what Smokeball was asked, and what was shown where.',
  callTitle: (/** @type {string} */ number) => `Call with ${number}`,
  /** @param {string} id @param {Date} at @param {string} tenant */
  callAbout: (id, at, tenant) => `${clock.format(at)}${tenant && ` · ${tenant}`} · ${id}`,
  steps: /** @type {Record<string, string>} */ ({ event: 'From the PBX', flow: 'Settings and state', lookup: 'Smokeball', push: 'Screens' }),
  /** What a step tells beside. @param {import('./admin-calls.js').Entry} e @returns {[string, string][]} */
  stepFacts: (e) => [
    ['Rule', e.rule ?? ''],
    ['Agents', e.agents && (e.agents.length > 1 || !e.extension) ? e.agents.join(', ') : ''],
    ['Leg', e.leg ?? ''],
    ['Came', e.listed ? 'in a list of live calls, not by webhook' : ''],
    ['Not known', (e.unknown ?? []).join(', ')],
    ['Token', words.tokens[e.token ?? ''] ?? e.token ?? ''],
    ['Why', words.causes[e.cause ?? ''] ?? e.cause ?? ''],
    ['To be searched', (e.plan ?? []).join(', then ')],
    ...(e.searches ?? []).map((s) => /** @type {[string, string]} */ ([`Searched: ${s.search}`, s.result === 'answered' ?
      `${plural(s.hits, { one: '# hit', other: '# hits' })}, ${number(s.read)} read, ${number(s.verified)} with the number, in ${Math.round(s.took_ms)} ms` :
      `${s.result === 'failed' ? 'failed' : 'Smokeball does not take this search'}, after ${Math.round(s.took_ms)} ms`])),
  ],
  tokens: /** @type {Record<string, string>} */ ({
    fresh: 'fresh', refreshed: 'had ended, and was refreshed first', renewed: 'was refused before its time, and renewed',
    'not-refreshed': 'has ended, and there is no other at the moment', expired: 'the authorisation has ended', unpaired: 'not paired',
  }),
  causes: /** @type {Record<string, string>} */ ({
    'call-ended': 'the call ended first', 'rate-limit': 'its turn did not come in time', timeout: 'Smokeball did not answer in time', unreachable: 'no connection to Smokeball',
    paused: 'Smokeball failed again and again and is left alone for a while', 'server-error': 'Smokeball answered with a server error', 'bad-answer': 'Smokeball’s answer was not what was asked for',
    unauthorized: 'Smokeball refuses the token (401)', forbidden: 'Smokeball refuses the look-up (403)', 'no-search': 'Smokeball takes no search of the plan',
  }),
  /** @param {number} ms */
  after: (ms) => ms < 1 ? '0 ms' : ms < 10_000 ? `+${Math.round(ms)} ms` : ms < 600_000 ? `+${(ms / 1000).toFixed(1)} s` : `+${Math.round(ms / MINUTE)} min`,

  /** Masked numbers are long rows of stars. @param {string} masked */
  short: (masked) => masked.replace(/[*•]{3,}/, '…'),
  /** @param {'inbound' | 'outbound'} direction @param {'ringing' | 'connected'} state */
  liveAbout: (direction, state) => `${direction === 'inbound' ? 'Incoming' : 'Outgoing'}, ${state === 'ringing' ? 'ringing' : 'talking'}`,
  /** @param {string} extension @param {boolean} pop @param {number} screens */
  liveAgent: (extension, pop, screens) => `${extension}: ${!pop ? 'no pop' : screens === 0 ? 'pop, no screen open' : plural(screens, { one: 'pop on # screen', other: 'pop on # screens' })}`,
  /** How long a call lasts so far. @param {Date} d */
  since: (d) => {
    const seconds = Math.max(0, Math.round((Date.now() - d.getTime()) / 1000));
    return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
  },

  number,
  numbersCut: 'The look through the numbers was cut short. Try again.',
  /** @param {number} read @param {number} of */
  numbersRead: (read, of) => of > 0 ? `${number(read)} of ${number(of)} contacts read` : read > 0 ? `${number(read)} contacts read` : 'Reading the contacts…',
  /** @param {import('./admin-numbers.js').Report} r @returns {[string, string][]} */
  numbersFigures: (r) => [
    ['Contacts', number(r.contacts)], ['Without a number', number(r.without_number)], ['Numbers', number(r.numbers)],
    ['Can be matched', number(r.good)], ['Can never be matched', number(r.bad)],
  ],
  /** @param {import('./admin-numbers.js').Report} r */
  numbersAbout: (r) => `${r.complete ? 'All contacts' : 'The contacts'} that extension ${r.extension} may see${r.complete ? '' : ', as far as they could be read'}; ${clock.format(new Date(r.began))}, in ${(r.milliseconds / 1000).toFixed(1)} s. What is mended in Smokeball counts at the next call.`,
  /** @param {string} id @param {string} field */
  record: (id, field) => `${field} of contact ${id}`,
  recordsMore: (/** @type {number} */ n) => `and ${number(n)} more`,

  loaded: (/** @type {Date} */ at) => `As loaded ${ago(at)}, ${clock.format(at)}. Secrets are hidden.`,

  trialNone: 'The verdict',
  trialHint: 'Paste an event and try it: what would be answered, who would have the call, and what stands in the way of a pop.',
  /** @param {string} verdict @param {number} agents */
  trialTitle: (verdict, agents) => verdict === 'accepted' ? plural(agents, { one: 'Accepted: # agent has the call', other: 'Accepted: # agents have the call' }) : `No pop: ${verdict}`,
  /** @param {import('./admin-try.js').Trial} t @returns {[string, string][]} */
  trialFacts: (t) => [
    ['Answered with', String(t.status)], ['State', [t.direction, t.state].filter(Boolean).join(', ')], ['Number', t.display && t.display !== t.number ? `${t.display} (${t.number})` : t.number],
    ['Call', t.call], ['Concerned', t.concerned.join(', ')],
  ],
  /** @param {import('./admin-try.js').TrialAgent} a */
  trialAgent: (a) => `Extension ${a.extension}: ${a.pairing === 'paired' ? 'paired' : `not to be looked up, ${a.pairing}`}; ${a.screens === 0 ? 'no screen open' : plural(a.screens, { one: '# screen open', other: '# screens open' })}; ${a.pops === 'off' ? 'calls of this direction are turned off' : `shown when ${a.pops}`}${a.queue && `; by ${a.queue}`}.`,
  /** @param {string} field @param {string} shape */
  trialField: (field, shape) => field ? `taken as ${field}: ${shape}` : `not known: ${shape}`,
  sample: '{\n  "event": "ringing",\n  "call_id": "test-1",\n  "from": "+16173998147",\n  "to": "101",\n  "extension": "101",\n  "direction": "in"\n}',

  pbxRead: (/** @type {Date} */ at) => `Read from the PBX ${ago(at)}`,
  pbxNever: 'The PBX has not been read yet',
  noPBX: 'From the configuration',
  agentsOf: (/** @type {number} */ n) => plural(n, { one: '# agent', other: '# agents' }),
  reading: 'Reading…',
  read: 'Read the PBX now',
  readDone: 'The PBX has been read.',
  readUnderWay: 'The PBX is still being read; what comes of it appears here.',
  directoryFacts: /** @type {Record<string, string>} */ ({
    without_email: 'Without an e-mail address', same_email: 'The same e-mail address', same_name: 'The same name', same_alias: 'The same number',
    not_at_pbx: 'Configured, and not at the PBX', gone: 'Gone since the start', paired_gone: 'Paired, and no agent any more',
  }),
  directoryFine: 'Nothing that does not fit.',
};
