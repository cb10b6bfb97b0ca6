// @ts-check
import { apart, day, dayTime, inDays, isToday, ltr, plural, time } from './locale.js';

/** @param {Date} d */
const date = (d) => isToday(d) ? `today at ${time(d)}` : day(d);

/** What the server says, in the words of this language: English is its own. @type {Record<string, string>} */
export const served = {};

/** English. The other languages have the shape of this one. */
export const text = {
  calls: 'Calls',
  signOut: 'Sign out',
  cancel: 'Cancel',
  /** @param {string} extension */
  extension: (extension) => `Extension ${ltr(extension)}`,

  connection: {
    connecting: 'Connecting…',
    connected: 'Connected',
    reconnecting: 'Reconnecting…',
    stopped: 'Not connected',
  },
  unreachable: 'smokepop cannot be reached, so no calls show here right now.',
  /** @param {number} seconds until the next try */
  nextTry: (seconds) => seconds > 0 ? plural(seconds, { one: 'Trying again in # second.', other: 'Trying again in # seconds.' }) : 'Trying again…',
  tryNow: 'Try now',
  notAnswering: 'Smokeball is not answering. Calls go on; names will come back by themselves.',
  outdated: 'smokepop has changed. Reload this page to go on seeing calls.',
  reload: 'Reload',

  emptyTitle: 'No call right now',
  emptyText: 'When a client rings, their name appears here.',
  emptyUnpaired: 'Once you are paired with Smokeball, the name of whoever rings appears here.',

  /** @param {string} direction @param {string} state @returns {string} */
  state: (direction, state) => state === 'connected' ? 'Connected' : state === 'ended' ? 'Ended' : direction === 'outbound' ? 'Calling' : 'Ringing',
  /** @param {string} name */
  answeredBy: (name) => name ? `Answered by ${apart(name)}` : 'Answered elsewhere',
  /** @param {string} direction @returns {string} */
  direction: (direction) => direction === 'outbound' ? 'Outgoing' : 'Incoming',
  sinceStart: 'Time since the call began',
  unknownCaller: 'Not in Smokeball',
  kinds: /** @type {Record<string, string>} */ ({ person: 'Person', company: 'Company', trust: 'Trust', group: 'Group of people' }),
  matched: /** @type {Record<string, string>} */ ({ phone: 'phone', phone2: 'second phone', cell: 'mobile', fax: 'fax' }),
  /** @param {string} queue */
  queue: (queue) => `via ${apart(queue)}`,
  open: 'Open in Smokeball',
  openShort: 'Open',
  /** @param {string} name */
  openOf: (name) => `Open ${apart(name)} in Smokeball`,
  search: 'Search in Smokeball',
  create: 'Add to Smokeball',
  opensNewTab: 'opens in a new tab',
  /** @param {string} name */
  dismiss: (name) => `Dismiss ${apart(name)}`,
  /** @param {number} n */
  matters: (n) => plural(n, { one: 'Matter', other: 'Matters' }),
  /** @param {number} n */
  matterCount: (n) => plural(n, { one: '# matter', other: '# matters' }),
  others: 'This number also belongs to',
  /** @param {number} n */
  showOthers: (n) => plural(n, { other: '# more' }),
  /** @param {number} n */
  more: (n) => plural(n, { one: '# more match is in Smokeball.', other: '# more matches are in Smokeball.' }),
  /** @param {string} direction @param {string} name @param {string} number @param {number} others */
  announce: (direction, name, number, others) =>
    `${direction === 'outbound' ? 'Outgoing' : 'Incoming'} call: ${apart(name)}${others ? plural(others, { one: ' or # other contact', other: ' or # other contacts' }) : ''}, ${ltr(number)}`,
  /** @param {string} name @param {number} others further calls that ring */
  title: (name, others) => `${others ? plural(others + 1, { other: '(#) ' }) : ''}☎ ${apart(name)}`,

  /** @param {string} number */
  call: (number) => `Call ${ltr(number)}`,
  /** @param {string} number */
  dialling: (number) => `Calling ${ltr(number)}…`,
  phoneRings: 'Your phone is ringing…',
  close: 'Close',

  recentCalls: 'Recent calls',
  noRecentCalls: 'Calls of this session are listed here once they are over.',
  outcomes: /** @type {Record<string, string>} */ ({ missed: 'Missed', 'no-answer': 'No answer', answered: 'Answered', 'answered-elsewhere': 'Answered elsewhere', dismissed: 'Dismissed' }),
  /** What became of the look-up, where no name came of it. */
  lookups: /** @type {Record<string, string>} */ ({
    'no-match': 'Not in Smokeball', 'not-paired': 'Not paired', 'too-late': 'Over before the name came', unwatched: 'No page was open',
    unavailable: 'Smokeball was not answering', refused: 'Refused by Smokeball',
  }),
  /** @param {Date} when */
  when: (when) => dayTime(when),

  pairing: {
    /** @param {string} account @param {Date | null} until */
    paired: (account, until) => `Paired ${account ? `as ${apart(account)}` : 'with Smokeball'}${until ? ` until ${date(until)}` : ''}`,
    unpaired: 'Not paired with Smokeball',
    expired: 'Your pairing has ended',
    attention: 'Your pairing needs attention',
    tick: 'Paired',
    cross: 'Not paired',
    /** @param {Date} when */
    since: (when) => `Since ${date(when)}`,
    unpairedHelp: 'Sign in to Smokeball once, and smokepop can show you who is calling.',
    expiredHelp: 'Sign in to Smokeball again to go on seeing who is calling.',
    /** @param {string} account @param {Date | null} until */
    was: (account, until) => `You were paired${account ? ` as ${apart(account)}` : ''}${until ? ` until ${date(until)}` : ''}.`,
    /** @param {Date} when */
    ends: (when) => `Your pairing ends ${inDays(when)}. Pair again now, so that no call goes without a name: one sign-in at Smokeball, and you stay paired meanwhile.`,
    /** @param {string} account @param {string} email */
    mismatch: (account, email) =>
      `${account ? `${apart(account)} is` : 'Somebody is'} paired here, but this extension is ${ltr(email) || 'somebody else'}. If that is not you, sign out of Smokeball first, in this browser, then pair again: on a shared computer Smokeball signs in whoever was here before.`,
    pair: 'Pair with Smokeball',
    again: 'Pair again',
    opening: 'Opening Smokeball…',
    waiting: 'Sign in to Smokeball in the window that has opened. This page notices when you are done.',
    waitingPaired: 'Sign in to Smokeball in the window that has opened. You stay paired meanwhile.',
    blocked: 'Your browser has blocked the sign-in window. This link opens it:',
    link: 'Sign in at Smokeball',
    /** @param {string} account */
    still: (account) => `Nothing has changed: you are still paired${account ? ` as ${apart(account)}` : ''}.`,
    refused: 'You were not paired. The window says why.',
    done: 'smokepop now shows you who is calling. This window closes by itself.',
    failed: 'Not paired',
    failedAgain: 'Not paired again',
  },
  closeWindow: 'Close this window',
  /** @param {string} id */
  requestID: (id) => `Request id: ${ltr(id)}`,
  unpair: 'Unpair',
  unpairTitle: 'Unpair from Smokeball?',
  unpairText: 'smokepop gives up its access to Smokeball, and calls show no names until you pair again.',
  unpairing: 'Unpairing…',
  unpairedNotRevoked: 'You are unpaired, and smokepop has deleted its access. Smokeball did not confirm that it has ended there too; it ends by itself.',

  signOutTitle: 'Sign out of this browser?',
  signOutText: 'To come back you need a new invite link from your administrator.',

  signedOutTitle: 'You are not signed in',
  signedOut: 'smokepop shows you who is calling before you pick up.',
  signedOutHere: 'You have been signed out.',
  endedByAdmin: 'Your administrator has ended this session.',
  /** @param {string} why */
  endedByAdminWhy: (why) => `Your administrator has ended this session: ${apart(why)}`,
  signedOutHelp: 'To sign in, open the invite link that your administrator sent you. A link works once; ask for a new one if yours is used up.',

  whichTitle: 'Which extension is yours?',
  whichText: 'Your e-mail address belongs to several extensions. Choose the one whose calls you want to see.',

  settings: 'Settings',
  settingsCalls: 'Calls',
  settingsTell: 'Notifications and sound',
  settingsWhen: 'Show a call',
  settingsRinging: 'When the phone rings',
  settingsConnected: 'Once it is answered',
  settingsInbound: 'Incoming calls',
  settingsOutbound: 'Outgoing calls',
  settingsNotification: 'A desktop notification says',
  settingsFull: 'Name and number',
  settingsNumber: 'The number only',
  settingsNone: 'No notification',
  settingsSound: 'Sound when the phone rings',
  settingsTry: 'Listen',
  settingsDefaults: 'Back to the firm’s settings',
  byTheFirm: 'Set by your firm',
  saved: 'Saved.',
  notificationsHere: {
    granted: 'This browser shows them.',
    default: 'This browser has not been asked yet whether it may show them.',
    denied: 'This browser blocks them. To allow them, press the sign beside the address of this page, turn notifications on and reload the page.',
    unsupported: 'This browser has no notifications.',
  },
  notificationsAllow: 'Allow in this browser',
  /** @param {string} direction what the notification of a call says below the name */
  noticeOf: (direction) => `${direction === 'outbound' ? 'Outgoing call' : 'Incoming call'}`,

  /** What the browser has to be asked for. */
  hints: {
    notifications: {
      title: 'Calls while you work elsewhere',
      text: 'smokepop can show a desktop notification when another window is in front of this one.',
      yes: 'Turn on', no: 'Not now',
    },
    denied: {
      title: 'No notifications',
      text: 'This browser blocks them. To allow them, press the sign beside the address of this page, turn notifications on and reload the page.',
      no: 'Close',
    },
    sound: {
      title: 'No sound yet',
      text: 'Your browser lets this page make a sound once you have clicked in it.',
      yes: 'Let it sound',
    },
  },

  devicesTitle: 'Where you are signed in',
  thisDevice: 'This browser',
  /** @param {string} browser @param {string} system either may be unknown: empty */
  device: (browser, system) => !browser && !system ? 'Unknown device' : `${browser || 'A browser'}${system ? ` on ${system}` : ''}`,
  deviceOpen: 'Open right now',
  /** @param {Date} when */
  deviceSeen: (when) => `Last seen ${isToday(when) ? `at ${time(when)}` : `on ${day(when)}`}`,
  /** @param {Date} when @param {string} method */
  deviceSince: (when, method) => `Signed in ${isToday(when) ? `at ${time(when)}` : `on ${day(when)}`}${method === 'pbx_password' ? ' with the extension’s password' : method === 'oidc' ? ' by single sign-on' : ' by invite link'}`,
  endDevice: 'Sign out',
  /** @param {string} device */
  endDeviceOf: (device) => `Sign out ${apart(device)}`,
  /** @param {string} device */
  endDeviceTitle: (device) => `Sign out ${apart(device)}?`,
  endDeviceText: 'No calls show there any more until somebody signs in again.',
  /** @param {string} device */
  deviceEnded: (device) => `${apart(device)} is signed out.`,

  signOutTextSelf: 'You can sign in again at any time.',
  sessionEnded: 'Your sign-in in this browser has ended. No calls show here until you sign in again.',
  titleSignedOut: 'Signed out – smokepop',
  titleNotConnected: 'Not connected – smokepop',
  /** @param {string} name of whoever vouches for people */
  signInWith: (name) => `Sign in with ${apart(name)}`,
  signInOr: 'or',
  signInDomain: 'Domain of your phone system',
  signInExtension: 'Extension',
  signInPassword: 'Password of the extension',
  signIn: 'Sign in',
  signingIn: 'Signing you in…',
  inviteToo: 'An invite link that your administrator sent you works as well.',
  tryAgain: 'Try again',

  /** In a frame of another page. */
  frameSignedOut: 'Open smokepop in a tab to see here who is calling.',
  frameAttention: 'No calls show here right now: open smokepop in a tab to see why.',
  frameRefused: 'This browser does not let smokepop stay signed in here, so keep smokepop open in a tab of its own.',
  /** The tab that such a frame opens. */
  connect: {
    working: 'One moment…',
    'sign-in': 'You are not signed in',
    signInText: 'Sign in to smokepop, and the page you have come from shows who is calling as well.',
    connected: 'Done',
    connectedText: 'The page you have come from shows who is calling. This tab closes by itself.',
    failed: 'That did not work',
    gone: 'The page you have come from does not answer. Close this tab and press the link there once more.',
    open: 'Open smokepop',
  },

  joining: 'Signing you in…',
  joinFailed: 'You could not be signed in',
  joinIncomplete: 'This invite link is not complete. Copy the whole link, to its last letter, or ask your administrator for a new one.',
  joinAgain: 'Try again',
  failed: 'smokepop could not be reached. Check your network and try again.',
};
