// Draws one panel: the series that measure the same over a range of time.

import { shape } from "./dom.js";
import { unbroken } from "./steps.js";
import { timeLabels, timeTicks, valueText, valueTicks } from "./ticks.js";
import { locale, zone } from "./words.js";

const margin = { left: 62, right: 14, top: 10, bottom: 40 };

// scales puts times and values where they are drawn.
export function scales(lines, [from, to], width, height) {
  let low = Infinity, high = -Infinity;
  for (const line of lines) {
    for (const step of line.steps) {
      low = Math.min(low, step.min);
      high = Math.max(high, step.max);
    }
  }
  if (low > high) [low, high] = [0, 1];
  // In halves, because the whole may be more than a number holds.
  const room = Math.min((high / 2 - low / 2) * 0.12, Number.MAX_VALUE / 8) || Math.abs(high) * 0.05 || 1;
  low = Math.max(low - room, -Number.MAX_VALUE);
  high = Math.min(high + room, Number.MAX_VALUE);
  const inner = { width: width - margin.left - margin.right, height: height - margin.top - margin.bottom };
  return {
    low, high, from, to, width, height, margin, inner,
    x: (time) => margin.left + (time - from) / (to - from) * inner.width,
    y: (value) => margin.top + (high / 2 - value / 2) / (high / 2 - low / 2) * inner.height,
    time: (x) => from + Math.min(Math.max((x - margin.left) / inner.width, 0), 1) * (to - from),
  };
}

// axes draws the grid and what is written at it.
export function axes(scale, unit) {
  const { x, y, width, height, inner } = scale;
  const parts = [];
  const { step, values } = valueTicks(scale.low, scale.high, Math.max(2, Math.floor(inner.height / 48)));
  for (const value of values) {
    const line = Math.round(y(value)) + 0.5;
    parts.push(shape("line", { class: "grid", x1: margin.left, x2: width - margin.right, y1: line, y2: line }));
    parts.push(shape("text", { class: "tick", x: margin.left - 8, y: line + 4, "text-anchor": "end" }, valueText(value, step)));
  }
  if (unit) parts.push(shape("text", { class: "tick unit", x: 4, y: margin.top + 6 }, unit));
  const labels = timeLabels(timeTicks(scale.from, scale.to, Math.max(2, Math.floor(inner.width / 84)), zone), zone, locale);
  for (const { time, text, below } of labels) {
    const line = Math.round(x(time)) + 0.5;
    const anchor = line > width - margin.right - 24 ? "end" : "middle";
    parts.push(shape("line", { class: below ? "grid day" : "grid", x1: line, x2: line, y1: margin.top, y2: height - margin.bottom + 5 }));
    parts.push(shape("text", { class: "tick time", x: line, y: height - margin.bottom + 18, "text-anchor": anchor }, text));
    if (below) {
      const place = line < margin.left + 34 ? "start" : line > width - margin.right - 40 ? "end" : "middle";
      parts.push(shape("text", { class: "tick date", x: place === "start" ? margin.left - 14 : line, y: height - margin.bottom + 34, "text-anchor": place }, below));
    }
  }
  return parts;
}

const place = (x, y) => `${x.toFixed(1)},${y.toFixed(1)}`;

// series draws one: where a step has several readings their average in the band
// from the least to the greatest, and otherwise a line through the readings.
export function series({ steps, width, colour }, { x, y }) {
  const group = shape("g", { class: `series c${colour}` });
  if (steps.length === 0) return group;
  const several = steps.filter((step) => step.count > 2).length * 2 > steps.length;
  const band = [], line = [], dots = [];
  for (const run of unbroken(steps, width)) {
    const across = Math.min(width, run.length > 1 ? run[1].start - run[0].start : width);
    const left = (step) => x(step.start), right = (step) => x(step.start + across);
    if (several) {
      const over = run.flatMap((step) => [place(left(step), y(step.max) - 0.5), place(right(step), y(step.max) - 0.5)]);
      const under = run.flatMap((step) => [place(left(step), y(step.min) + 0.5), place(right(step), y(step.min) + 0.5)]);
      band.push(`M${over.join("L")}L${under.reverse().join("L")}Z`);
      line.push(`M${run.map((step) => place((left(step) + right(step)) / 2, y(step.avg))).join("L")}`);
      continue;
    }
    line.push(`M${run.flatMap((step) => {
      if (step.count === 1) return [place(left(step), y(step.last))];
      const middle = (left(step) + right(step)) / 2;
      return [place(left(step), y(step.first)), place(middle, y(step.min)), place(middle, y(step.max)), place(right(step), y(step.last))];
    }).join("L")}`);
    if (run.length === 1 || run.length < (x(run.at(-1).start) - x(run[0].start)) / 9) dots.push(...run);
  }
  if (band.length > 0) group.append(shape("path", { class: "band", d: band.join("") }));
  group.append(shape("path", { class: "line", d: line.join("") }));
  for (const step of dots) group.append(shape("circle", { class: "dot", cx: x(step.start).toFixed(1), cy: y(step.last).toFixed(1), r: 2.5 }));
  return group;
}

// marks draws the anomalies of a series: a diamond at each, and a shade over the
// time since it began where that is to be seen.
export function marks(line, scale) {
  const group = shape("g", { class: "marks" });
  for (const anomaly of line.anomalies) {
    const x = scale.x(anomaly.time), y = scale.y(anomaly.value);
    const from = Math.max(scale.x(anomaly.begin), margin.left);
    if (x - from > 3) group.append(shape("rect", { class: "since", x: from.toFixed(1), width: (x - from).toFixed(1), y: margin.top, height: scale.inner.height }));
    group.append(shape("path", { class: "anomaly", d: `M${place(x, y - 6)}l6,6l-6,6l-6,-6Z` }));
  }
  return group;
}
