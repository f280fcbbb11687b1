// How times and anomalies are written, in the reader's language of numbers and
// in the reader's zone.

import { exact } from "./ticks.js";
import { withUnit } from "./units.js";

export const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
export const locale = navigator.languages?.[0] ?? "en";

const formats = {
  moment: new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "medium" }),
  short: new Intl.DateTimeFormat(locale, { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" }),
  clock: new Intl.DateTimeFormat(locale, { timeStyle: "medium" }),
};

export const moment = (time) => formats.moment.format(time);
export const short = (time) => formats.short.format(time);
export const clock = (time) => formats.clock.format(time);

// number counts things.
export const number = (count) => count.toLocaleString(locale);

// many puts a word behind a number of things.
export const many = (count, one, more = `${one}s`) => `${number(count)} ${count === 1 ? one : more}`;

// odd says in what an anomaly does not fit, how rare that is, and why.
export const odd = (anomaly) => `${kind(anomaly)}, score ${anomaly.score.toFixed(1)}: ${anomaly.why}`;

export const kind = (anomaly) => anomaly.kind.replaceAll("_", " ");

// measured says what was read at a step.
export function measured(step, unit) {
  const value = (number) => withUnit(exact(number), unit);
  if (step.count === 1) return value(step.last);
  return `average ${value(step.avg)}, from ${exact(step.min)} to ${value(step.max)}, ${many(step.count, "reading")}`;
}

// ago says how long ago a time was.
export function ago(time, now) {
  const seconds = Math.max(0, now - time) / 1000;
  for (const [length, unit] of [[31536000, "year"], [2592000, "month"], [86400, "day"], [3600, "hour"], [60, "minute"]]) {
    if (seconds >= length) return `${many(Math.floor(seconds / length), unit)} ago`;
  }
  return "just now";
}
