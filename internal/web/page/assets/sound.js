// @ts-check
/** The sound of a call: two short, soft tones. Browsers let a page sound once somebody has touched it. */

const TONES = [{ hertz: 659, at: 0 }, { hertz: 880, at: 0.16 }];
const LASTS = 0.5; // seconds
const LOUD = 0.18; // of 1
// A browser that will not sound does not say so; it says nothing.
const GRANTED_WITHIN = 1000;

/** Whether the browser would let this tab be heard. */
export const maySound = () => navigator.userActivation?.hasBeenActive ?? true;

/** Sounds once, and tells whether it does. @returns {Promise<boolean>} */
export async function sound() {
  if (!maySound()) return false;
  const audio = new AudioContext();
  if (audio.state !== 'running') {
    await Promise.race([audio.resume().catch(() => {}), new Promise((done) => setTimeout(done, GRANTED_WITHIN))]);
  }
  if (/** @type {string} */ (audio.state) !== 'running') {
    audio.close();
    return false;
  }
  const begin = audio.currentTime + 0.02;
  for (const { hertz, at } of TONES) {
    const tone = new OscillatorNode(audio, { frequency: hertz });
    const volume = new GainNode(audio, { gain: 0 });
    tone.connect(volume).connect(audio.destination);
    volume.gain.setValueAtTime(0, begin + at);
    volume.gain.linearRampToValueAtTime(LOUD, begin + at + 0.02);
    volume.gain.exponentialRampToValueAtTime(0.001, begin + LASTS);
    tone.start(begin + at);
    tone.stop(begin + LASTS);
  }
  setTimeout(() => audio.close(), LASTS * 1000 + 500);
  return true;
}
