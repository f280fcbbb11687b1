// Draws series with their spread and their anomalies as SVG: those of one metric in one
// panel with an axis of its own, the panels one below the other. Times are in
// milliseconds.

import { timeTicks, valueTicks } from "./ticks.js";

const space = "http://www.w3.org/2000/svg";
const margin = { left: 64, right: 14, top: 24, bottom: 6 };
const axisHeight = 26, panelHeight = 190, singleHeight = 300;
const drawn = new WeakMap(); // chart: its points and scales, for what points at it

function element(name, attributes, text) {
  const made = document.createElementNS(space, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

const short = (value) => Number(value.toPrecision(6)).toString();

// panelsOf groups series by their metric, in the order in which they come.
function panelsOf(series) {
  const panels = [];
  for (const one of series) {
    const panel = panels.find((p) => p.metric === one.metric);
    if (panel) panel.series.push(one);
    else panels.push({ metric: one.metric, series: [one] });
  }
  return panels;
}

// draw replaces what the chart shows. Each series has sensor, metric, color, buckets and
// anomalies.
export function draw(chart, series, [from, to]) {
  const panels = panelsOf(series);
  const each = panels.length > 1 ? panelHeight : singleHeight;
  const width = Math.max(220, chart.getBoundingClientRect().width || 600);
  const height = panels.length * each + axisHeight;
  chart.setAttribute("viewBox", `0 0 ${width} ${height}`);
  chart.setAttribute("height", height);
  const x = (time) => margin.left + (time - from) / (to - from) * (width - margin.left - margin.right);
  const parts = [];
  const marks = timeTicks(from, to, Math.max(2, Math.floor(width / 120)));
  for (const mark of marks) {
    parts.push(element("line", { class: "grid", x1: x(mark.time), x2: x(mark.time), y1: margin.top, y2: height - axisHeight }));
    const at = x(mark.time), anchor = at < margin.left + 40 ? "start" : at > width - 50 ? "end" : "middle";
    parts.push(element("text", { class: "tick", x: at, y: height - 8, "text-anchor": anchor }, mark.label));
  }
  const points = [];
  panels.forEach((panel, i) => parts.push(...drawPanel(panel, x, i * each, each, width, [from, to], points)));
  chart.replaceChildren(...parts);
  points.sort((a, b) => a.time - b.time);
  const before = drawn.get(chart)?.time;
  drawn.set(chart, { points, x, width, height, from, to, time: before ?? points.at(-1)?.time });
}

// drawPanel draws the series of one metric, and adds their points.
function drawPanel(panel, x, top, tall, width, [from, to], points) {
  const values = panel.series.flatMap((s) => s.buckets.flatMap((b) => [b.min, b.max]).concat(s.anomalies.map((a) => a.value)));
  let low = Math.min(...values), high = Math.max(...values);
  if (!Number.isFinite(low)) { low = 0; high = 1; }
  if (!(high > low)) { low -= 1; high += 1; }
  const y = (value) => top + tall - margin.bottom - (value - low) / (high - low) * (tall - margin.top - margin.bottom);
  const parts = [element("text", { class: "name", x: margin.left, y: top + 15 }, panel.metric)];
  for (const value of valueTicks(low, high, 5)) {
    parts.push(element("line", { class: "grid", x1: margin.left, x2: width - margin.right, y1: y(value), y2: y(value) }));
    parts.push(element("text", { class: "tick", x: margin.left - 6, y: y(value) + 4, "text-anchor": "end" }, short(value)));
  }
  const place = (time, value) => `${x(time).toFixed(1)},${y(value).toFixed(1)}`;
  for (const s of panel.series) {
    const own = s.buckets.map((b) => ({ ...b, series: s, time: Math.min(to, Math.max(from, Date.parse(b.start))) }));
    if (own.length === 0) continue;
    points.push(...own);
    const over = own.map((p) => place(p.time, p.max)), under = own.map((p) => place(p.time, p.min)).reverse();
    parts.push(element("polygon", { class: `spread c${s.color}`, points: over.concat(under).join(" ") }));
    parts.push(element("polyline", { class: `average c${s.color}`, points: own.map((p) => place(p.time, p.avg)).join(" ") }));
  }
  for (const s of panel.series) {
    for (const a of s.anomalies) {
      const time = Date.parse(a.timestamp);
      if (time < from || time > to) continue;
      const mark = element("circle", { class: "anomaly", cx: x(time), cy: y(a.value), r: 5 });
      mark.append(element("title", {}, `${s.sensor}: ${a.kind.replaceAll("_", " ")}, score ${a.score.toFixed(1)}: ${a.why}`));
      parts.push(mark);
    }
  }
  return parts;
}

// timeAt is the time below a place of the screen.
export function timeAt(chart, clientX) {
  const d = drawn.get(chart);
  if (!d) return 0;
  const box = chart.getBoundingClientRect();
  const inside = (clientX - box.left) / box.width * d.width;
  const share = (inside - margin.left) / (d.width - margin.left - margin.right);
  return d.from + Math.min(1, Math.max(0, share)) * (d.to - d.from);
}

// pointer is the time that was pointed at last.
export const pointer = (chart) => drawn.get(chart)?.time ?? 0;

// point puts the pointer at a time, or some points further, and returns what is there
// as text.
export function point(chart, step, time) {
  const d = drawn.get(chart);
  if (!d || d.points.length === 0) return "";
  const times = [...new Set(d.points.map((p) => p.time))];
  const wanted = time ?? d.time;
  let at = times.reduce((best, t, i) => Math.abs(t - wanted) < Math.abs(times[best] - wanted) ? i : best, 0);
  at = Math.max(0, Math.min(times.length - 1, at + step));
  d.time = times[at];
  chart.querySelector(".pointer")?.remove();
  chart.append(element("line", { class: "pointer", x1: d.x(d.time), x2: d.x(d.time), y1: margin.top, y2: d.height - axisHeight }));
  const here = d.points.filter((p) => p.time === d.time);
  const several = new Set(d.points.map((p) => p.series)).size > 1;
  return `${new Date(d.time).toLocaleString()}: ` + here.map((p) =>
    `${several ? `${p.series.sensor} ${p.series.metric} ` : ""}average ${short(p.avg)}, from ${short(p.min)} to ${short(p.max)}, last ${short(p.last)}, ${p.count} readings`).join("; ");
}

// select shows the part between two times as chosen; without times none is.
export function select(chart, from, to) {
  chart.querySelector(".selected")?.remove();
  const d = drawn.get(chart);
  if (!d || from === undefined) return;
  const left = d.x(Math.min(from, to)), right = d.x(Math.max(from, to));
  chart.append(element("rect", { class: "selected", x: left, width: Math.max(1, right - left), y: margin.top, height: d.height - margin.top - axisHeight }));
}
