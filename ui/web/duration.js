// How long something takes, in words: "about 40 s" is `duration(40, words)` in its place.

export const SLOW = 3; // seconds from which on a duration is worth a word
const MINUTES = 100; // seconds from which on it is in minutes

export function duration(seconds, words) {
  if (seconds < MINUTES) return words.text("duration.seconds", { n: Math.ceil(seconds) });
  return words.text("duration.minutes", { n: Math.round(seconds / 60) });
}

// Of a duration that is known by a factor only: to 5 seconds where there are many.
export function roughly(seconds) {
  return seconds < 10 ? seconds : 5 * Math.round(seconds / 5);
}
