// @ts-check
/**
 * How a pairing stands, for whoever shows it.
 * @typedef {{state: 'paired' | 'unpaired' | 'expired' | 'attention', since: string | null, expires: string | null,
 *   account: string, email_matches: boolean | null, problem: string}} Pairing
 */

const WARN_BEFORE = 5 * 24 * 3600 * 1000;

/** Whether it ends soon enough to warn. @param {Pairing} p */
export function isEnding(p) {
  if (p.state !== 'paired' || !p.expires) return false;
  const expires = Date.parse(p.expires);
  // An authorisation that never lasts longer is warned of when smokepop does.
  const lasts = p.since ? expires - Date.parse(p.since) : Infinity;
  return expires - Date.now() < WARN_BEFORE && (lasts > WARN_BEFORE || p.problem !== '');
}

/** Whether somebody else's account is paired, as far as Smokeball tells. @param {Pairing} p */
export const isMismatch = (p) => p.email_matches === false && (p.state === 'paired' || p.state === 'attention');
