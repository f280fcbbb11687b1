// Draws a series with its spread and its anomalies as SVG. Times are in
// milliseconds.

const space = "http://www.w3.org/2000/svg";
const margin = { left: 60, right: 12, top: 10, bottom: 26 };
const drawn = new WeakMap(); // chart: its points and scales, for move

function element(name, attributes, text) {
  const made = document.createElementNS(space, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

// ticks returns round numbers that divide a range into a few steps.
function ticks(low, high, most) {
  const rough = (high - low) / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough);
  const found = [];
  for (let n = Math.ceil(low / step); n * step <= high; n++) found.push(n * step);
  return found;
}

function timeLabel(time, range) {
  const date = new Date(time);
  if (range > 2 * 86400e3) return date.toLocaleDateString(undefined, { month: "short", day: "numeric" });
  return date.toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit" });
}

// draw replaces what the chart shows.
export function draw(chart, buckets, anomalies, [from, to]) {
  const box = chart.getBoundingClientRect();
  const width = Math.max(200, box.width), height = Math.max(120, box.height);
  chart.setAttribute("viewBox", `0 0 ${width} ${height}`);
  const points = buckets.map((b) => ({ ...b, time: Math.max(from, Date.parse(b.start)) }));
  const values = points.flatMap((p) => [p.min, p.max]).concat(anomalies.map((a) => a.value));
  let low = Math.min(...values), high = Math.max(...values);
  if (!(high > low)) { low -= 1; high += 1; }
  const x = (time) => margin.left + (time - from) / (to - from) * (width - margin.left - margin.right);
  const y = (value) => height - margin.bottom - (value - low) / (high - low) * (height - margin.top - margin.bottom);
  const place = (time, value) => `${x(time).toFixed(1)},${y(value).toFixed(1)}`;

  const parts = [];
  for (const value of ticks(low, high, 5)) {
    parts.push(element("line", { class: "grid", x1: margin.left, x2: width - margin.right, y1: y(value), y2: y(value) }));
    parts.push(element("text", { class: "tick", x: margin.left - 6, y: y(value) + 4, "text-anchor": "end" }, Number(value.toPrecision(6)).toString()));
  }
  const labels = Math.max(2, Math.floor(width / 140));
  for (let i = 0; i <= labels; i++) {
    const time = from + (to - from) * i / labels;
    const anchor = i === 0 ? "start" : i === labels ? "end" : "middle";
    parts.push(element("text", { class: "tick", x: x(time), y: height - 8, "text-anchor": anchor }, timeLabel(time, to - from)));
  }
  if (points.length > 0) {
    const over = points.map((p) => place(p.time, p.max)), under = points.map((p) => place(p.time, p.min)).reverse();
    parts.push(element("polygon", { class: "spread", points: over.concat(under).join(" ") }));
    parts.push(element("polyline", { class: "average", points: points.map((p) => place(p.time, p.avg)).join(" ") }));
  }
  for (const a of anomalies) {
    const mark = element("circle", { class: "anomaly", cx: x(Date.parse(a.timestamp)), cy: y(a.value), r: 5 });
    mark.append(element("title", {}, `${a.kind.replaceAll("_", " ")}, score ${a.score.toFixed(1)}: ${a.why}`));
    parts.push(mark);
  }
  chart.replaceChildren(...parts);
  drawn.set(chart, { points, x, width, height, at: drawn.get(chart)?.at ?? points.length - 1 });
}

// move puts the pointer some points further, or to a share of the width, and
// returns what is there as text.
export function move(chart, step, share) {
  const d = drawn.get(chart);
  if (!d || d.points.length === 0) return "";
  if (share !== undefined) {
    const wanted = share * d.width;
    d.at = d.points.reduce((best, p, i) => Math.abs(d.x(p.time) - wanted) < Math.abs(d.x(d.points[best].time) - wanted) ? i : best, 0);
  }
  d.at = Math.max(0, Math.min(d.points.length - 1, d.at + step));
  const p = d.points[d.at];
  chart.querySelector(".pointer")?.remove();
  chart.append(element("line", { class: "pointer", x1: d.x(p.time), x2: d.x(p.time), y1: margin.top, y2: d.height - margin.bottom }));
  const short = (value) => Number(value.toPrecision(6));
  return `${new Date(p.time).toLocaleString()}: average ${short(p.avg)}, from ${short(p.min)} to ${short(p.max)}, last ${short(p.last)}, ${p.count} readings`;
}
