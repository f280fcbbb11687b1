// Where the marks of an axis lie. Nothing here draws.

const second = 1000, minute = 60 * second, hour = 60 * minute, day = 24 * hour;

// valueTicks returns round numbers that divide a range into at most a few steps.
export function valueTicks(low, high, most) {
  const rough = (high - low) / most;
  if (!(rough > 0)) return [low];
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough * (1 - 1e-9));
  const found = [];
  for (let n = Math.ceil(low / step - 1e-9); n * step <= high + step * 1e-9; n++) found.push(Number((n * step).toPrecision(12)));
  return found;
}

// steps are the widths between two times, the first that leaves few enough is taken.
const steps = [
  second, 2 * second, 5 * second, 10 * second, 15 * second, 30 * second,
  minute, 2 * minute, 5 * minute, 10 * minute, 15 * minute, 30 * minute,
  hour, 2 * hour, 3 * hour, 6 * hour, 12 * hour, day, 2 * day, 7 * day, 14 * day,
];

// timeTicks returns round times of the reader's zone in a range, in milliseconds, each
// with its label. A label has the date where the day is another than that of the mark
// before, and on the first.
export function timeTicks(from, to, most) {
  const rough = (to - from) / Math.max(1, most);
  const step = steps.find((n) => n >= rough);
  const times = step ? evenly(from, to, step) : months(from, to, rough);
  let before = "";
  return times.map((time) => {
    const date = new Date(time), today = date.toDateString();
    const changed = today !== before;
    before = today;
    return { time, label: label(date, step, changed) };
  });
}

// evenly returns times that are whole steps from the start of their day, or for days
// from the start of a week: through a change of the clock by an hour they stay round.
function evenly(from, to, step) {
  const start = new Date(from);
  start.setHours(0, 0, 0, 0);
  if (step >= day) {
    if (step >= 7 * day) start.setDate(start.getDate() - (start.getDay() + 6) % 7);
    const times = [];
    for (const at = start; at.getTime() <= to; at.setDate(at.getDate() + step / day)) if (at.getTime() >= from) times.push(at.getTime());
    return times;
  }
  const times = [];
  for (const midnight = start; midnight.getTime() <= to; midnight.setDate(midnight.getDate() + 1)) {
    for (let past = 0; past < day; past += step) {
      const at = new Date(midnight);
      at.setHours(0, 0, past / second, 0);
      const time = at.getTime();
      if (time >= from && time <= to && time !== times.at(-1)) times.push(time);
    }
  }
  return times;
}

// months returns first days of months, quarters or years.
function months(from, to, rough) {
  const count = [1, 3, 6, 12, 24, 60, 120].find((n) => n * 30 * day >= rough) ?? 120;
  const first = new Date(from), times = [];
  const at = new Date(first.getFullYear(), Math.floor(first.getMonth() / Math.min(count, 12)) * Math.min(count, 12), 1);
  for (; at.getTime() <= to; at.setMonth(at.getMonth() + count)) if (at.getTime() >= from) times.push(at.getTime());
  return times;
}

function label(date, step, changed) {
  if (!step) return date.toLocaleDateString(undefined, { month: "short", year: "numeric" });
  const today = date.toLocaleDateString(undefined, { month: "short", day: "numeric" });
  if (step >= day) return today;
  const time = date.toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit", second: step < minute ? "2-digit" : undefined });
  return changed ? `${today} ${time}` : time;
}
